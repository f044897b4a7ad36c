import { type Duration, longest, ms } from '../duration.ts'
import { quoted, refuse } from '../errors.ts'

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
  checkFields(options, 'retention', Object.keys(fields))
  for (const [of, names] of Object.entries(fields)) {
    const given = options[of as keyof RetentionOptions]
    if (given !== undefined) checkFields(given, `retention.${of}`, names)
  }
  const { finished, failed, histories, tombstones } = options
  return {
    finished: { age: age(finished?.age ?? '7d', 'finished'), count: count(finished?.count ?? 1_000_000, 'finished') },
    failed: { age: age(failed?.age ?? '30d', 'failed'), count: count(failed?.count ?? 100_000, 'failed') },
    histories: { age: age(histories?.age ?? '3d', 'histories') },
    tombstones: { age: age(tombstones?.age ?? '30d', 'tombstones') },
  }
}

const fields = { finished: ['age', 'count'], failed: ['age', 'count'], histories: ['age'], tombstones: ['age'] }

/** A limit that is misspelt, or not in its place, would be none: what was to go stays, or the other way round. */
function checkFields(given: object, field: string, names: readonly string[]): void {
  const isRecord = typeof given === 'object' && given !== null && !Array.isArray(given)
  const unknown = isRecord ? Object.keys(given).find((name) => !names.includes(name)) : undefined
  if (isRecord && unknown === undefined) return
  const at = unknown === undefined ? field : `${field}.${unknown}`
  const use = `Give ${field} as an object with ${names.join(', ')}`
  refuse(at, `${unknown === undefined ? `${quoted(given)} says nothing` : 'is not known'}. ${use}.`)
}

const age = (given: Duration, of: string): number => (given === Number.POSITIVE_INFINITY ? longest : ms(given, `retention.${of}.age`))

function count(given: number, of: string): number {
  if (given === Number.POSITIVE_INFINITY || (Number.isInteger(given) && given >= 0)) return given
  refuse(`retention.${of}.count`, 'must be a whole number, 0 or more, or Infinity')
}
