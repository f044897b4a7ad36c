import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type EffectLog, effectLog } from './support/effect-log.ts'
import { type Hosts, hostProcesses } from './support/hosts.ts'
import { until } from './support/until.ts'

/** Programs on one folder: how they end, and who comes next. */
const test = suite('programs on a folder: W5 W6 [embedded]')

async function inFolder(play: (world: { hosts: Hosts; log: EffectLog }) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stellwerk-hosts-'))
  const log = effectLog()
  const hosts = hostProcesses({ folder, log: log.file, slots: 2 })
  try {
    await play({ hosts, log })
  } catch (error) {
    for (const line of hosts.said) console.log(line)
    throw error
  } finally {
    await hosts.end()
    log.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

const long = (more: object = {}) => JSON.stringify(['j', { ms: 60_000, number: 1, ...more }])
const startedAt = (log: EffectLog, pid: number) => log.read().find((effect) => effect.what === 'start' && effect.pid === pid)

test('W5: SIGTERM tells the handlers; when all have ended the process ends, with code 0', () =>
  inFolder(async ({ hosts, log }) => {
    const host = await hosts.start({ submit: long() })
    await until('it runs', () => startedAt(log, host.pid))
    assert.is(await host.stop(), 0)
    const next = await hosts.start()
    const { attempt, run } = await until('it runs again', () => startedAt(log, next.pid))
    assert.equal([attempt, run], [1, 2])
  }))

test('W5: after the grace the process ends anyway, with code 1, and the job is revived', () =>
  inFolder(async ({ hosts, log }) => {
    const host = await hosts.start({ submit: long({ deaf: true }), grace: '1s' })
    await until('it runs', () => startedAt(log, host.pid))
    assert.is(await host.stop(), 1)
    const next = await hosts.start()
    assert.is((await until('it runs again', () => startedAt(log, next.pid))).run, 2)
  }))

for (const end of ['SIGKILL', 'SIGTERM'] as const)
  test(`W6: a second program on the folder says that it waits, and takes over after ${end}`, () =>
    inFolder(async ({ hosts, log }) => {
      const first = await hosts.start({ submit: long() })
      await until('it runs', () => startedAt(log, first.pid))
      let ready = false
      const taking = hosts.start().then((host) => {
        ready = true
        return host
      })
      await until('the second says that it waits', () =>
        hosts.said.some((line) => line.includes(`in use by process ${first.pid}. Waiting`)),
      )
      assert.not(ready)
      assert.is(log.read().length, 1)
      first.signal(end)
      const second = await taking
      const { run } = await until('it runs again', () => startedAt(log, second.pid))
      assert.is(run, 2)
      assert.not(first.alive)
    }))

test.run()
