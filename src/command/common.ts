import { z } from 'zod'
import { maxIdLength } from '../address.ts'

/** A record drops the key `__proto__` without a word: a query by it would match everything. */
export const withoutProto = <T extends z.ZodType>(record: T) =>
  z.preprocess((given, ctx) => {
    if (Object.hasOwn(Object(given), '__proto__')) ctx.addIssue({ code: 'custom', path: ['__proto__'], message: 'cannot be a name here' })
    return given
  }, record)

/** What all commands have. */
export const segment = '[A-Za-z0-9_-]+'
export const grammar = 'letters, digits, "_", "-", segments joined by "/"'
export const address = (type: string, what = `an address ${type}:<id>`, most = maxIdLength) =>
  z
    .string()
    .regex(new RegExp(`^${type}:${segment}(/${segment})*$`), { error: `must be ${what} (${grammar})` })
    .max(most + type.length + 1, { error: `must have an id of ${most} characters at most` })

export const common = {
  id: z
    .string()
    .max(200)
    .regex(/^[ -~]+$/, { error: 'must be printable ASCII, 1 character or more' })
    .optional()
    .describe('Identity of the command: its target applies it once, however often it is published. Without one: once per publish.'),
  reply: z
    .string()
    .max(500)
    .regex(/^(?!\$)[!-)+-\-/-=?-~]+(\.[!-)+-\-/-=?-~]+)*$/, {
      error: 'must be a NATS subject to publish to: no wildcards, and none that begins with "$"',
    })
    .optional()
    .describe(
      "NATS subject, e.g. an inbox: the outcome is published there once it is committed. Not one of the namespace: these are the hosts' own, and nothing is told there.",
    ),
}
