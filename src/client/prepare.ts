import type { Payload, Terms } from '../../actors/job.ts'
import type { Records } from '../bus/port.ts'
import { isJobName } from '../command.ts'
import { check, type WithInput } from '../definition.ts'
import { type Duration, ms } from '../duration.ts'
import { invalid, NotFoundError } from '../errors.ts'
import { maxPayload } from '../host/run.ts'
import { schemaFrom } from '../json-schema.ts'
import { deepest, isTooDeep } from '../nesting.ts'
import { needIssue, type PoolCapacities, watchPools } from '../pools.ts'

/** A job as its submit names it. */
export interface Prepared {
  job: string
  input: Payload
  terms: Terms
}

export type Prepare = (definition: WithInput['definition'], input: unknown, field: string) => Promise<Prepared>

/** Terms and input of something to submit: checked by the definition if its code is at hand, else by the published contract. */
export function preparation(records: Records): { prepare: Prepare; stop(): void } {
  let pools: Promise<PoolCapacities> | undefined

  async function contractOf(job: string) {
    const record = isJobName(job) ? await records.get(`contract.${job}`) : undefined
    if (!record) throw new NotFoundError(`job: no host has published a job named "${job}"`)
    const contract = record.value as { name: string; terms: Terms; input?: unknown }
    return { name: contract.name, terms: contract.terms, input: schemaFrom(contract.input) }
  }

  const prepare: Prepare = async (definition, input, field) => {
    if (typeof input === 'function') throw invalid(field, 'is a function: inputs are made only in the steps of a chain')
    const known = typeof definition === 'string' ? await contractOf(definition) : definition
    const { value, length } = asJson(input, field)
    check(known.input, value, field)
    checkLength(length, field)
    if (known.terms.pool !== undefined) {
      pools ??= watchPools(records)
      const issue = needIssue(await pools, known.terms)
      if (issue) throw invalid('needs', issue)
    }
    return { job: known.name, input: { value: value ?? null }, terms: known.terms }
  }
  return { prepare, stop: () => void pools?.then((watched) => watched.stop()) }
}

/** The value of a callback, or an output by hand: its schema is checked where its job is known. */
export function payloadOf(given: unknown, field: string): { value: unknown } {
  const { value, length } = asJson(given, field)
  checkLength(length, field)
  return { value: value ?? null }
}

function checkLength(length: number, field: string): void {
  if (length <= maxPayload) return
  throw invalid(field, `${length} characters of JSON; at most ${maxPayload} are taken. Store it elsewhere and pass a reference.`)
}

/** What the handler will get: the same on every bus, and nobody can change it any more. */
function asJson(input: unknown, field: string): { value: unknown; length: number } {
  if (input === undefined) return { value: undefined, length: 0 }
  try {
    const text = JSON.stringify(input)
    const value = JSON.parse(text)
    if (!isTooDeep(value)) return { value, length: text.length }
  } catch (error) {
    throw invalid(field, `cannot be written as JSON (${(error as Error).message.split('\n')[0]})`)
  }
  throw invalid(field, `nested deeper than ${deepest} levels`)
}

export function checkPriority(priority: number): number {
  if (Number.isInteger(priority) && priority >= 0 && priority <= 9) return priority
  throw invalid('priority', 'must be a whole number from 0 to 9')
}

/** ms since 1970. */
export function deadlineOf(given: Date | Duration | undefined, now: number): number | undefined {
  if (given === undefined) return undefined
  if (given instanceof Date || (typeof given === 'string' && /^\d{4}-/.test(given))) return checkTime(given, 'deadline')
  return now + ms(given, 'deadline')
}

export function checkTime(at: Date | string | number, field = 'startAt'): number {
  const time = new Date(at).getTime()
  if (Number.isFinite(time)) return time
  throw invalid(field, `${JSON.stringify(at)} is not a time. Use a Date, or ISO 8601 with an offset.`)
}
