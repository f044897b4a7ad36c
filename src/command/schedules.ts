import { z } from 'zod'
import { common } from './common.ts'

/** Commands to schedules, and to what they wait for. Names are so short that the ids of all that starts by them are ids. */
const id = '(?!\\d{4}-\\d\\d-\\d\\d$)[A-Za-z0-9_-]{1,40}'
const grammar = 'letters, digits, "_" and "-", 40 at most, and no date'
const notAnId = { error: `must be ${grammar}` }
export const scheduleId = z.string(notAnId).regex(new RegExp(`^${id}$`), notAnId)
const toSchedule = {
  ...common,
  to: z.string().regex(new RegExp(`^schedule:${id}$`), { error: `must be an address schedule:<id>: ${grammar}` }),
}
const command = <T extends string>(type: T) => z.strictObject({ ...toSchedule, type: z.literal(type) })
export const schedulePause = command('pause')
export const scheduleResume = command('resume')
export const scheduleRemove = command('remove')
export const scheduleUnset = command('unset')

const instance = z
  .string()
  .regex(/^(?!\d{8}T\d{6}(\d{3})?Z$)[A-Za-z0-9_-]{1,40}$/, {
    error: 'must be letters, digits, "_" and "-", 40 at most, and not as schedules name their times (20261123T011500Z)',
  })
  .describe('Part of the id of what it starts: the same is started once.')
export const trigger = command('trigger').extend({ as: instance })

export const scheduleSet = command('set').extend({
  cron: z.string().max(200).optional().describe('Five fields, or six with seconds first: `30 2 * * mon-fri`.'),
  timezone: z.string().max(100).optional().describe('Of the cron pattern: `Europe/Zurich`.'),
  every: z
    .union([z.number(), z.string().max(20)])
    .optional()
    .describe("Elapsed time: milliseconds, or text such as '15m'; a second or more."),
  from: z
    .union([z.number(), z.string().max(50)])
    .optional()
    .describe('What `every` is counted from. Default: 1970.'),
  on: z.string().max(100).optional().describe('Name of an event.'),
  job: z.string().max(200).optional().describe('What it starts: a job that a host has published,'),
  chain: z.string().max(80).optional().describe('or a chain.'),
  input: z.unknown().optional().describe('Checked against what was published. Without one: what the event brings.'),
  missed: z
    .enum(['run', 'skip'])
    .optional()
    .describe("Times that passed while no host was up: start once for the latest ('run', the default), or not."),
})

/** What it brings is sent to all that wait for it. */
export const mostData = 4096
export const raise = z.strictObject({
  ...common,
  to: z
    .string()
    .regex(/^topic:[A-Za-z0-9_-]{1,100}$/, { error: 'must be an address topic:<event>: letters, digits, "_" and "-", 100 at most' }),
  type: z.literal('raise'),
  as: instance,
  data: z
    .unknown()
    .optional()
    .refine((data) => (JSON.stringify(data ?? null) ?? '').length <= mostData, {
      error: `at most ${mostData} characters of JSON: store it elsewhere and pass a reference`,
    })
    .describe(`Input of what it starts, where that has none: at most ${mostData} characters of JSON.`),
})
