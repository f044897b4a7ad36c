import { type Duration, longest, ms } from '../duration.ts'
import { refuse } from '../errors.ts'
import { checkFields } from '../fields.ts'

/** How long what is not needed any more is kept. Whatever is reached first counts: age or count. `Infinity`: for ever. */
export interface RetentionOptions {
  /** What ended as succeeded or cancelled, from its end on. Default 7 days, and the newest 1,000,000 of the deployment. A group's members go with it. */
  finished?: Limit
  /** What ended as failed or aborted: the dead letters. Default 30 days, and the newest 100,000. */
  failed?: Limit
  /** Histories that fill pages of their own, of what is kept as finished. Default 3 days. */
  histories?: { age?: Duration }
  /** Ids of what was removed: submitted again they answer as it ended, and nothing runs. Default 30 days. Less than a minute, and a submit that is said again because its answer was lost may be taken for a new one. */
  tombstones?: { age?: Duration }
}

interface Limit {
  age?: Duration
  count?: number
}

/** The same in ms. */
export interface Retention {
  finished: { age: number; count: number }
  failed: { age: number; count: number }
  histories: { age: number }
  tombstones: { age: number }
}

/** The options with their defaults; a ValidationError names the field that is wrong. */
export function retentionOf(options: RetentionOptions = {}): Retention {
  checkFields(options, Object.keys(fields), 'retention')
  for (const [of, names] of Object.entries(fields)) {
    const given = options[of as keyof RetentionOptions]
    if (given !== undefined) checkFields(given, names, `retention.${of}`)
  }
  const { finished, failed, histories, tombstones } = options
  return {
    finished: { age: age('finished', '7d', finished), count: count('finished', 1_000_000, finished) },
    failed: { age: age('failed', '30d', failed), count: count('failed', 100_000, failed) },
    histories: { age: age('histories', '3d', histories) },
    tombstones: { age: age('tombstones', '30d', tombstones) },
  }
}

const fields = { finished: ['age', 'count'], failed: ['age', 'count'], histories: ['age'], tombstones: ['age'] }

const age = (of: string, otherwise: Duration, { age: given = otherwise }: Limit = {}): number =>
  given === Number.POSITIVE_INFINITY ? longest : ms(given, `retention.${of}.age`)

function count(of: string, otherwise: number, { count: given = otherwise }: Limit = {}): number {
  if (given === Number.POSITIVE_INFINITY || (Number.isInteger(given) && given >= 0)) return given
  refuse(`retention.${of}.count`, 'must be a whole number, 0 or more, or Infinity')
}
