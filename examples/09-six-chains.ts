// Six chains of a night: B → D, E, F, G → I. A day of them in virtual time; `--remove 15:30`, `17:45` or `19:00` takes B out of the plan then,
// and `--picture plan.svg` draws it as it stands at 19:00. Hosts on servers make the same plans by themselves, at the start of each date.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { embedded } from '../src/embedded.ts'
import { createHost, defineCalendar, defineChain, defineJob, planPicture, planTable, step } from '../src/index.ts'
import { virtualClock } from '../src/testing/index.ts'

const { values } = parseArgs({ options: { remove: { type: 'string' }, picture: { type: 'string' } } })
const date = '2026-11-23'
const clock = virtualClock(`${date}T00:00:00+01:00`)
const time = () => new Date(clock.now()).toLocaleTimeString('en-GB', { timeZone: 'Europe/Zurich', timeStyle: 'short' })

const batch = defineJob({ name: 'batch' })
const steps = { work: step(batch.with({})) }
const timezone = 'Europe/Zurich'
const workdays = defineCalendar({ name: 'workdays', timezone, days: ['mon', 'tue', 'wed', 'thu', 'fri'], holidays: ['2026-12-25'] })
const saturdays = defineCalendar({ name: 'saturdays', timezone, days: ['sat'] })
const afterB = { calendar: workdays, after: ['B'] }
const chains = [
  defineChain({ name: 'B', steps, runs: [{ calendar: workdays, at: '18:00' }] }),
  defineChain({ name: 'D', steps, runs: [{ ...afterB, withoutPredecessorsAt: '15:00' }] }),
  defineChain({ name: 'E', steps, runs: [{ ...afterB, withoutPredecessorsAt: '16:00' }] }),
  defineChain({ name: 'F', steps, runs: [{ ...afterB, at: '19:30', withoutPredecessorsAt: '19:30' }] }),
  defineChain({ name: 'G', steps, runs: [{ ...afterB, at: '20:00', withoutPredecessorsAt: '20:00' }] }),
  defineChain({
    name: 'I',
    steps,
    runs: [
      { name: 'workday', calendar: workdays, after: ['D', 'E', 'F', 'G'] },
      { name: 'saturday', calendar: saturdays, at: '14:00' },
    ],
  }),
]

await using host = await createHost({
  on: embedded(':memory:'),
  clock,
  chains,
  handlers: [
    batch.handler(async (_, { id, signal }) => {
      const [chain] = id.split('/')
      console.log(`${time()}  ${chain} starts`)
      // B takes 90 minutes, the others ten.
      for (let minute = 0; minute < (chain === 'B' ? 90 : 10) && !signal.aborted; minute++) await clock.sleep('1m')
      if (signal.aborted) console.log(`${time()}  ${chain} is told to end`)
      signal.throwIfAborted()
    }),
  ],
})
const plan = host.client.plan(date)
const goTo = (to: string) => clock.advanceTo(`${date}T${to}:00+01:00`)

await clock.settled()
console.log(planTable(await plan.show()), '\n')
if (values.remove) {
  await goTo(values.remove)
  await plan.remove('B').then(
    () => console.log(`${time()}  B is removed`),
    ({ message }) => console.log(`${time()}  ${message}`),
  )
}
if (time() <= '19:00') await goTo('19:00')
if (values.picture) writeFileSync(values.picture, planPicture(await plan.show(), { now: clock.now() }))
await goTo('23:00')
console.log(`\n${planTable(await plan.show())}`)
