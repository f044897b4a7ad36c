import { z } from 'zod'
import type { Payload, Terms } from '../../actors/job.ts'
import { asJson } from '../as-json.ts'
import type { Records } from '../bus/port.ts'
import type { Clock } from '../clock.ts'
import { isJobName } from '../command.ts'
import { check, isJob, type WithInput } from '../definition.ts'
import { type Duration, ms } from '../duration.ts'
import { invalid, NotFoundError, quoted, UnavailableError } from '../errors.ts'
import { insist } from '../insist.ts'
import { schemaFrom } from '../json-schema.ts'
import { onAbort } from '../on-abort.ts'
import { checkLength } from '../payload.ts'
import { needIssue, type PoolCapacities, watchPools } from '../pools.ts'

/** A job as its submit names it. */
export interface Prepared {
  job: string
  input: Payload
  terms: Terms
}

/** While what must be known for it cannot be read it is asked for again, until the signal aborts, or for a minute. */
export type Prepare = (definition: WithInput['definition'], input: unknown, field: string, signal?: AbortSignal) => Promise<Prepared>

const patience = 60_000

/** Terms and input of something to submit: checked by the definition if its code is at hand, else by the published contract. */
export function preparation(records: Records, clock?: Clock): { prepare: Prepare; stop(): void } {
  let pools: Promise<PoolCapacities> | undefined
  let stopped = false

  async function contractOf(job: string, field: string, signal?: AbortSignal) {
    const record = isJobName(job) ? await read(() => records.get(`contract.${job}`), signal) : undefined
    if (!record) throw new NotFoundError(`${field}: no host has published a job named "${job}"`)
    const contract = record.value as { name: string; terms: Terms; input?: unknown }
    return { name: contract.name, terms: contract.terms, input: schemaFrom(contract.input) }
  }

  const knownPools = () =>
    (pools ??= watchPools(records).catch((error) => {
      pools = undefined
      throw error
    }))

  /** Without a clock it is asked once. */
  async function read<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const asked = () => unlessAborted(ask, signal)
    if (!clock) return await asked()
    const end = clock.now() + patience
    return await insist(clock, asked, (error) => {
      if (signal?.aborted) throw unread(signal)
      if (error && (stopped || clock.now() >= end)) throw error
    })
  }

  const prepare: Prepare = async (definition, input, field, signal) => {
    signal?.throwIfAborted()
    if (typeof input === 'function') throw invalid(field, 'is a function: inputs are made only in the steps of a chain')
    if (typeof definition !== 'string' && !isJob(definition))
      throw invalid(beside(field, 'definition'), 'must be a job, or the name of one')
    const known = typeof definition === 'string' ? await contractOf(definition, beside(field, 'job'), signal) : definition
    const { value, length } = asJson(input, field)
    check(known.input, value, field)
    checkLength(length, field)
    if (known.terms.pool !== undefined) {
      const issue = needIssue(await read(knownPools, signal), known.terms)
      if (issue) throw invalid(beside(field, 'job'), issue)
    }
    return { job: known.name, input: { value: value ?? null }, terms: known.terms }
  }
  return {
    prepare,
    stop() {
      stopped = true
      void pools?.then((watched) => watched.stop()).catch(() => {})
    },
  }
}

/** Another part of that whose input, or which, is this field. */
function beside(field: string, part: string): string {
  const owner = field.replace(/\.?input$/, '')
  return owner ? `${owner}.${part}` : part
}

/** Nothing was sent yet: what the caller has waited for is what could not be read. */
const unread = ({ reason }: AbortSignal) =>
  new UnavailableError('What is published could not be read before the signal aborted. Nothing was sent.', { cause: reason })

function unlessAborted<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return ask()
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(unread(signal))
    if (signal.aborted) return giveUp()
    ask().then(resolve, reject).finally(onAbort(signal, giveUp))
  })
}

/** The value of a callback, or an output by hand: its schema is checked where its job is known. */
export function payloadOf(given: unknown, field: string): { value: unknown } {
  const { value, length } = asJson(given, field)
  checkLength(length, field)
  return { value: value ?? null }
}

export function checkPriority(priority: number): number {
  if (Number.isInteger(priority) && priority >= 0 && priority <= 9) return priority
  throw invalid('priority', 'must be a whole number from 0 to 9')
}

/** Ten years, ms. */
const mostYears = 10 * 365 * 86_400_000

/** ms since 1970. */
export function deadlineOf(given: Date | Duration | undefined, now: number): number | undefined {
  if (given === undefined) return undefined
  if (given instanceof Date || (typeof given === 'string' && /^\d{4}-/.test(given))) return checkTime(given, 'deadline')
  const within = ms(given, 'deadline')
  // Where a start is given in ms, it is a time; a deadline is time that passes.
  if (within > mostYears) throw invalid('deadline', `${quoted(given)} is time from now, and years of it: for a point in time give a Date`)
  return now + within
}

/** Without an offset a time of day would be another in each host's zone. */
const isoTime = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/
const isoDate = z.iso.date()

export function checkTime(at: Date | string | number, field = 'startAt'): number {
  const isTime =
    typeof at === 'string' ? isoTime.test(at) && isoDate.safeParse(at.slice(0, 10)).success : at instanceof Date || typeof at === 'number'
  const time = isTime ? new Date(at).getTime() : Number.NaN
  if (time >= 0) return time
  throw invalid(
    field,
    `${at instanceof Date ? 'this Date' : quoted(at)} is not a time. Use a Date, ISO 8601 with an offset, or milliseconds since 1970.`,
  )
}
