import { z } from 'zod'
import { address, common } from './common.ts'

/** Commands to chains and to plans. */
export const start = z.strictObject({
  ...common,
  to: z
    .string()
    .regex(/^chain:[A-Za-z0-9_-]{1,80}\/(?!\d{4}-\d\d-\d\d$)[A-Za-z0-9_-]{1,90}$/, {
      error:
        'must be an address chain:<name>/<id>: the name of a chain, and an id of letters, digits, "_" and "-", 90 at most, that is not a date',
    })
    .describe('The same address is the same instance: it is started once.'),
  type: z.literal('start'),
  input: z.unknown().optional().describe("Checked against the published chain's JSON Schema."),
})

const dated = /^plan:[A-Za-z0-9_-]+\/\d{4}-\d\d-\d\d$/
const toPlan = { ...common, to: z.string().regex(dated, { error: 'must be an address plan:<zone>/<date>, with "-" for "/" in the zone' }) }
const noTarget = 'must be the name of a chain, or <chain>/<run>'
const target = z
  .string({ error: noTarget })
  .max(200)
  .regex(/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)?$/, { error: noTarget })
  .describe('A chain, or one run of it: `I`, `I/saturday`.')
const planChange = <T extends string>(type: T) => z.strictObject({ ...toPlan, type: z.literal(type), target })
export const planRemove = planChange('remove')
export const planDeactivate = planChange('deactivate')
export const planRestore = planChange('restore')
export const planRelease = planChange('release').extend({
  now: z.boolean().optional().describe('true: it does not wait for its time either. Default false.'),
})
export const planLink = planChange('link').extend({
  after: z.array(z.string().max(80)).max(1000).describe('Names of chains: these dependencies instead of the present ones.'),
})
export const planRestart = planChange('restart')
export const chainRestart = z.strictObject({ ...common, to: address('chain'), type: z.literal('restart') })
const time = z.string().max(20)
const run = z.strictObject({
  name: z.string().max(80).optional(),
  calendar: z.record(z.string(), z.unknown()).describe('As JSON, the way defineCalendar takes it.'),
  after: z.array(z.string().max(80)).max(1000).optional(),
  at: time.optional(),
  withoutPredecessorsAt: time.optional(),
  missed: z.enum(['run', 'skip']).optional(),
})
export const planAdd = z.strictObject({
  ...toPlan,
  type: z.literal('add'),
  chain: z.string().max(80).describe('A chain that a host has published.'),
  runs: z
    .array(run)
    .min(1)
    .max(100)
    .describe(
      'Its runs in this plan, instead of what is there: `{ name?, calendar, after?, at?, withoutPredecessorsAt?, missed? }`, with the calendar as JSON.',
    ),
})

/** A change as it is asked for before it is a command: what is added is settled by calendars first. */
export const askedChange = z.discriminatedUnion(
  'type',
  [planRemove, planDeactivate, planRestore, planRelease, planLink, planRestart, planAdd].map((command) =>
    (command as typeof planRemove).omit({ id: true, reply: true, to: true }),
  ) as [typeof planRemove],
  { error: 'must have a type: remove, deactivate, restore, release, link, restart or add' },
)
export const planAsked = z.strictObject({
  date: z.string({ error: 'must be a date, as "2026-12-25"' }),
  zone: z.string({ error: 'must be the name of a time zone' }).max(100).optional(),
  change: askedChange.optional(),
})
