import { z } from 'zod'
import { isAddress, isId } from './address.ts'
import { ValidationError } from './errors.ts'

/**
 * Commands as any program may publish them to `<namespace>.command.<root>`: one, or an array of them. With an `id` a command is
 * applied once however often it is published; without one, once per publish.
 */
const address = (type: string) =>
  z.string().refine((to) => isAddress(to) && to.startsWith(`${type}:`), {
    error: `must be an address ${type}:<id> (letters, digits, "_", "-", segments joined by "/")`,
  })

const common = { id: z.string().max(200).optional(), reply: z.string().optional() }
const key = z
  .string()
  .refine((k) => isId(k) && !k.includes('/') && k !== 'output', { error: 'must be letters, digits, "_" and "-", and not "output"' })
const duration = z.number().int().nonnegative()
const named = { job: z.string(), input: z.unknown(), priority: z.number().int().min(0).max(9).optional() }
const labels = z.record(z.string(), z.string()).optional()
const time = z.union([z.number(), z.iso.datetime({ offset: true })]).transform((at) => new Date(at).getTime())
const member = z.strictObject({ key, ...named })

export const jobSubmit = z.strictObject({
  ...common,
  to: address('job'),
  type: z.literal('submit'),
  ...named,
  labels,
  startAt: time.optional(),
})

export const groupSubmit = z.strictObject({
  ...common,
  to: address('group'),
  type: z.literal('submit'),
  members: z.array(member).max(1000).optional(),
  output: z.strictObject(named).optional(),
  when: z.enum(['all-finished', 'all-succeeded']).optional(),
  onMemberFailure: z.enum(['continue', 'cancel-rest']).optional(),
  concurrency: z.number().int().positive().optional(),
  sealBy: duration.optional(),
  seal: z.boolean().optional(),
  labels,
})

export const groupAdd = z.strictObject({
  ...common,
  to: address('group'),
  type: z.literal('add'),
  members: z.array(member).max(1000),
  seal: z.boolean().optional(),
})
export const groupSeal = z.strictObject({ ...common, to: address('group'), type: z.literal('seal') })
const either = z.union([address('job'), address('group')], { error: 'must be an address job:<id> or group:<id>' })
export const cancel = z.strictObject({ ...common, to: either, type: z.literal('cancel'), reason: z.string().max(1000).optional() })
export const retry = z.strictObject({ ...common, to: address('job'), type: z.literal('retry') })

export type Command = z.infer<typeof jobSubmit | typeof groupSubmit | typeof groupAdd | typeof groupSeal | typeof cancel | typeof retry>

/** The schema that a body must meet, by its type and the kind of its target: an error then speaks of that command only. */
function schemaOf(body: unknown) {
  const { type, to } = (body ?? {}) as { type?: unknown; to?: unknown }
  const toGroup = typeof to === 'string' && to.startsWith('group:')
  switch (type) {
    case 'submit':
      return toGroup ? groupSubmit : jobSubmit
    case 'add':
      return groupAdd
    case 'seal':
      return groupSeal
    case 'cancel':
      return cancel
    case 'retry':
      return retry
    default:
      throw new ValidationError(`type: ${JSON.stringify(type)} is not a command. Use submit, add, seal, cancel or retry.`, [
        { path: ['type'], message: 'not a command' },
      ])
  }
}

/** The command, or a ValidationError that names each field. */
export function parseCommand(body: unknown): Command {
  const parsed = schemaOf(body).safeParse(body)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: path as (string | number)[], message }))
  throw new ValidationError(issues.map(({ path, message }) => `${path.join('.') || 'command'}: ${message}`).join('; '), issues)
}
