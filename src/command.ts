import { z } from 'zod'
import { checkId, isId, maxIdLength } from './address.ts'
import { address, common, grammar, segment, withoutProto } from './command/common.ts'
import {
  chainRestart,
  planAdd,
  planDeactivate,
  planLink,
  planRelease,
  planRemove,
  planRestart,
  planRestore,
  start,
} from './command/plans.ts'
import { raise, schedulePause, scheduleRemove, scheduleResume, scheduleSet, scheduleUnset, trigger } from './command/schedules.ts'
import { longest, ms } from './duration.ts'
import { type Issue, invalid, refuse, unfit, ValidationError } from './errors.ts'

/**
 * Commands as any program may publish them to `<namespace>.command.<root>`: one, or an array of them. With an `id` a command is
 * applied once however often it is published; without one, once per publish.
 */
const notADuration = { error: "must be milliseconds, or text such as '250ms', '30s', '5m'" }
const duration = z
  .union(
    [
      z.number(notADuration).int(notADuration).min(0, notADuration).max(longest, notADuration),
      z.string(notADuration).regex(/^\d{1,15}(\.\d{1,3})?(ms|s|m|h|d)$/, notADuration),
    ],
    notADuration,
  )
  .transform((value) => Math.min(longest, typeof value === 'number' ? value : ms(value, 'sealBy')))
const notATime = { error: 'must be a time: ISO 8601 with an offset, or milliseconds since 1970' }
export const time = z
  .union([z.number(notATime).int(notATime).min(0, notATime).max(8e14, notATime), z.iso.datetime({ offset: true, ...notATime })], notATime)
  .transform((at) => new Date(at).getTime())

const mostLabels = 32
const labelName = ({ code }: { code: string }) => (code === 'invalid_key' ? "a label's name has 1 to 100 characters" : undefined)
export const labels = withoutProto(
  z
    .record(z.string().min(1).max(100), z.string().max(500), { error: labelName as never })
    .refine((given) => Object.keys(given).length <= mostLabels, { error: `at most ${mostLabels} labels` }),
)
  .optional()
  .describe(`At most ${mostLabels}, for queries.`)

const jobName = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, { error: 'must be the name of a job: letters, digits, "_", "-", segments joined by "."' })
export const isJobName = (name: unknown): name is string => jobName.safeParse(name).success

const named = {
  job: jobName.describe('Name of a definition that a host has published.'),
  input: z.unknown().optional().describe("Checked against the published contract's JSON Schema."),
  priority: z.int().min(0).max(9).optional().describe("0 to 9, 9 first. Default: the definition's."),
}
const key = z
  .string()
  .regex(/^(?!output$|onEnd-\d+$)[A-Za-z0-9_-]+$/, { error: 'must be letters, digits, "_" and "-", and not "output" or "onEnd-1"' })
  .max(maxIdLength)
  .describe('Identity of the member in its group: adding it twice is adding it once.')

/** Members that one command may bring; larger groups come in several. */
export const mostMembers = 250
const members = z.array(z.strictObject({ key, ...named })).max(mostMembers, {
  error: `at most ${mostMembers} in one command: send the others by "add"`,
})

/** Last segments that are taken. */
export const isReserved = (to: string) => /\/(output|onEnd-\d+)$/.test(to)
export const reservedId = 'an id cannot end with "/output" or "/onEnd-1": that is the output of a group, or the onEnd of a job'

/** Throws a ValidationError if it cannot be the key of a member. */
export function checkKey(key: unknown, field: string): asserts key is string {
  const id = checkId(key, field)
  if (id.includes('/') || isReserved(`/${id}`)) refuse(field, `"${id}" cannot be a key: one segment, and neither "output" nor "onEnd-1".`)
}

/** The same of its address, which has the id of its group in it. */
export function checkMemberId(id: string, field: string): void {
  if (!isId(id)) throw invalid(field, `its address, with the id of the group, has more than ${maxIdLength} characters`)
}

const either = address('(job|group)', 'an address job:<id> or group:<id>')
const toCancel = address('(job|group|chain)', 'an address job:<id>, group:<id> or chain:<id>')
export const jobSubmit = z.strictObject({
  ...common,
  to: address('job').refine((to) => !isReserved(to), { error: reservedId }),
  type: z.literal('submit'),
  ...named,
  labels,
  startAt: time.optional().describe('Not before this time: ISO 8601 with an offset, or milliseconds since 1970.'),
  deadline: time.optional().describe('When it has failed at the latest: ISO 8601 with an offset, or milliseconds since 1970.'),
  lane: z
    .string()
    .regex(new RegExp(`^${segment}(/${segment})*$`), { error: `must be an id (${grammar})` })
    .max(maxIdLength)
    .optional()
    .describe('Jobs of one lane run one at a time, in order of (time of submit, id).'),
  after: z
    .array(either)
    .min(1)
    .max(100)
    .optional()
    .describe('Jobs and groups after which it begins; one that does not exist yet is waited for.'),
  when: z
    .enum(['all-finished', 'all-succeeded'])
    .optional()
    .describe("'all-succeeded' (default): cancelled as soon as one of `after` ends otherwise. 'all-finished': it begins however they end."),
})

/** The address of its output is an address too. */
const groupAddress = address('group', undefined, maxIdLength - '/output'.length)
export const groupSubmit = z.strictObject({
  ...common,
  to: groupAddress,
  type: z.literal('submit'),
  members: members.optional(),
  output: z.strictObject(named).optional().describe('Runs once, when all members have finished.'),
  when: z
    .enum(['all-finished', 'all-succeeded'])
    .optional()
    .describe(
      "'all-finished' (default): the output is made and gets the failed members. 'all-succeeded': a group with a member that did not succeed ends failed, without an output.",
    ),
  onMemberFailure: z.enum(['continue', 'cancel-rest']).optional().describe("Default 'continue'."),
  concurrency: z.int().min(1).optional().describe('Members that run at once. Default: as many as there are slots.'),
  sealBy: duration.optional().describe("Sealed by itself after this time: milliseconds, or text such as '5m'."),
  seal: z.boolean().optional().describe('false: more members may be added until a "seal". Default true.'),
  labels,
})

export const groupAdd = z.strictObject({
  ...common,
  to: groupAddress,
  type: z.literal('add'),
  members,
  seal: z.boolean().optional().describe('true: these are the last. Default false.'),
})
export const groupSeal = z.strictObject({ ...common, to: groupAddress, type: z.literal('seal') })
export const cancel = z.strictObject({
  ...common,
  to: toCancel,
  type: z.literal('cancel'),
  reason: z.string().max(1000).optional(),
})
export const retry = z.strictObject({ ...common, to: address('job'), type: z.literal('retry') })

const toJobOrId = address('(job|correlation)', 'an address job:<id> or correlation:<id>')
export const callbackName = z
  .string()
  .max(100)
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, { error: 'must be the name of a callback: letters, digits, "_" and "-", a letter first' })
export const resume = z.strictObject({
  ...common,
  to: toJobOrId,
  type: z.literal('resume'),
  name: callbackName.describe("A callback of the job's definition."),
  value: z.unknown().optional().describe("Checked against the published contract's JSON Schema."),
  round: z
    .int()
    .min(1)
    .optional()
    .describe('Only for this round of the job (not for a correlation id, which knows its round). Default: the present one.'),
})

export const update = z
  .strictObject({
    ...common,
    to: address('job'),
    type: z.literal('update'),
    startAt: time
      .optional()
      .describe('Not before this time: ISO 8601 with an offset, or milliseconds since 1970. One that has passed: now.'),
    priority: named.priority,
    input: named.input,
    job: named.job.optional().describe('Name of its definition: needed with an input, which is checked against the published contract.'),
  })
  .refine(({ startAt, priority, input }) => startAt !== undefined || priority !== undefined || input !== undefined, {
    error: 'nothing to update: give startAt, priority or input',
  })
  .refine(({ input, job }) => input === undefined || job !== undefined, {
    path: ['job'],
    error: 'must be the name of its definition: the input is checked by that',
  })

export const done = z.strictObject({
  ...common,
  to: address('job'),
  type: z.literal('done'),
  output: z.unknown().optional().describe("Checked against the published contract's JSON Schema."),
  reason: z.string().max(1000).optional(),
})

/** Of what number its last dispatch was when it had ended: told by a list of dead letters. */
const end = z
  .int()
  .min(0)
  .optional()
  .describe('The number after the "@" of the letter: it is redriven, or dropped, only for this end. Default: the present one.')
const reason = z.string().max(1000).optional()
export const redrive = z
  .strictObject({
    ...common,
    to: address('job'),
    type: z.literal('redrive'),
    end,
    input: named.input,
    job: named.job.optional().describe('Name of its definition: needed with an input, which is checked against the published contract.'),
    reason,
  })
  .refine(({ input, job }) => input === undefined || job !== undefined, {
    path: ['job'],
    error: 'must be the name of its definition: the input is checked by that',
  })
export const drop = z.strictObject({ ...common, to: address('job'), type: z.literal('drop'), end, reason })

const toPool = { ...common, to: z.string().regex(/^pool:[A-Za-z0-9_-]{1,100}$/, { error: 'must be an address pool:<name>' }) }
export const resize = z.strictObject({
  ...toPool,
  type: z.literal('resize'),
  capacity: withoutProto(z.record(z.string().regex(/^[A-Za-z0-9_-]{1,100}$/), z.int().min(0)))
    .optional()
    .describe('Units by resource: {"slots":4,"printer":2}. Absent: again as hosts declare it.'),
})
export const pause = z.strictObject({ ...toPool, type: z.literal('pause') })
export const poolResume = z.strictObject({ ...toPool, type: z.literal('resume') })

/** By type and kind of target. The first of a type speaks of a target that is none of them. */
const schemas = {
  submit: { job: jobSubmit, group: groupSubmit },
  add: { group: groupAdd, plan: planAdd },
  seal: { group: groupSeal },
  cancel: { job: cancel, group: cancel, chain: cancel },
  retry: { job: retry },
  resize: { pool: resize },
  pause: { pool: pause, schedule: schedulePause },
  resume: { job: resume, correlation: resume, pool: poolResume, schedule: scheduleResume },
  update: { job: update },
  done: { job: done },
  redrive: { job: redrive },
  drop: { job: drop },
  start: { chain: start },
  restart: { chain: chainRestart, plan: planRestart },
  remove: { plan: planRemove, schedule: scheduleRemove },
  deactivate: { plan: planDeactivate },
  restore: { plan: planRestore },
  link: { plan: planLink },
  release: { plan: planRelease },
  set: { schedule: scheduleSet },
  unset: { schedule: scheduleUnset },
  trigger: { schedule: trigger },
  raise: { topic: raise },
} as const

type Schemas = typeof schemas
type Schema = { [T in keyof Schemas]: Schemas[T][keyof Schemas[T]] }[keyof Schemas]
export type Command = z.infer<Schema>
export const commandTypes = Object.keys(schemas) as (keyof Schemas)[]

/** The schema that a body must meet, by its type and the kind of its target: an error then speaks of that command only. */
function schemaOf(body: unknown): Schema {
  const { type, to } = (body ?? {}) as { type?: unknown; to?: unknown }
  const isKnown = typeof type === 'string' && Object.hasOwn(schemas, type)
  const kinds = isKnown ? (schemas[type as keyof Schemas] as Record<string, Schema>) : undefined
  const kind = typeof to === 'string' ? to.split(':')[0]! : ''
  if (kinds) return Object.hasOwn(kinds, kind) ? kinds[kind]! : Object.values(kinds)[0]!
  throw new ValidationError(
    `type: ${JSON.stringify(type)?.slice(0, 100)} is not a command. Use ${commandTypes.slice(0, -1).join(', ')} or ${commandTypes.at(-1)}. A group is submitted by submit, too: "to" says that it is one.`,
    [{ path: ['type'], message: 'not a command' }],
  )
}

/** The command, or a ValidationError that names each field. */
export function parseCommand(body: unknown): Command {
  const parsed = schemaOf(body).safeParse(body)
  if (parsed.success) return parsed.data
  throw unfit(parsed.error.issues.flatMap(issuesOf))
}

function issuesOf(issue: z.core.$ZodIssue): Issue[] {
  const path = issue.path as Issue['path']
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path: [...path, key], message: 'there is no such field' }))
  return [{ path: path.length ? path : ['command'], message: issue.message }]
}

/** Where a body that is no valid command wants its answer, if that much of it can be read. */
export function replyOf(body: unknown): { reply?: string; id?: string } {
  const { reply, id } = (body ?? {}) as { reply?: unknown; id?: unknown }
  return { reply: common.reply.safeParse(reply).data, id: common.id.safeParse(id).data }
}
