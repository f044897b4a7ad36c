import { addRange, type Bitmap, has, isEmpty, set } from './bitmap.ts'
import { contentOf, type Payload, type Terms } from './job.ts'
import { type Body, type KeyPage, type Keys, keep, listsPages, noKeys, type PageEffect, pageTo } from './keys.ts'

/**
 * The members of a group as a set of identities. The set of the unfinished is a bitmap over their places, and the only one: which key
 * has which place, and how a finished member ended, is told by the member itself (its end and its retry carry it). Keys by place are
 * needed to open the window and to cancel the rest (see keys.ts). So the document stays small for a million members, however they end.
 *
 * All functions are pure: members and what should follow, in; the same, out.
 */
export interface Members {
  total: number
  unfinished: Bitmap
  counts: { succeeded: number; failed: number; cancelled: number }
  /** Operator's retries by place, where there were any. */
  rounds: Record<number, number>
  keys: Keys
  /** Present if the group limits how many members run at once. */
  window?: Window
  /** Present once the rest is being cancelled: the place from which on the newest piece was sent, or is asked for. */
  sweeping?: number
}

export interface Window {
  concurrency: number
  /** Begun and not finished. */
  active: number
  /** Place of the first member that was never begun. */
  next: number
  /** Members to begin again. */
  again: { index: number; key: string }[]
  /** The page of keys that the window moves through. */
  page?: { first: number; keys: string[] }
  /** First place of the page that was asked for. */
  asked?: number
}

/** What a member says of itself when an operator wants it to run again. */
export interface Retry {
  key: string
  index: number
  /** Its own. Histories from before it was said do not have it, nor `state`. */
  round?: number
  state?: string
}

export interface Member {
  key: string
  job: string
  input: Payload
  terms: Terms
}

export type Effect = SendEffect | PageEffect | ReadEffect
type SendEffect = { type: 'send'; params: { to: string; event: { type: string; [field: string]: unknown }; answers?: true } }
type ReadEffect = { type: 'read'; params: { page?: string; event: { type: string; [field: string]: unknown } } }

export interface Step {
  members: Members
  out: Effect[]
}

export function noMembers(concurrency?: number): Members {
  return {
    total: 0,
    unfinished: [],
    counts: { succeeded: 0, failed: 0, cancelled: 0 },
    rounds: {},
    keys: noKeys,
    window: concurrency === undefined ? undefined : { concurrency, active: 0, next: 0, again: [] },
  }
}

export const jobOf = (group: string, key: string): string => `job:${group.slice(group.indexOf(':') + 1)}/${key}`
export const allFinished = (members: Members): boolean => isEmpty(members.unfinished)

/** Adds members that are not known; each is submitted as a job of its own. */
export function add(group: string, members: Members, added: readonly Member[], known: Record<string, unknown>): Step {
  const fresh = new Map<string, Member>()
  for (const member of added) if (!isKnown(known[member.key])) fresh.set(member.key, fresh.get(member.key) ?? member)
  const first = members.total
  const out: Effect[] = []
  let index = first
  for (const { key, job, input, terms } of fresh.values()) {
    const event = {
      type: 'submit',
      job,
      input,
      terms,
      member: { group, key, index: index++, round: 0 },
      // What is cancelled as soon as it is added must not start first.
      window: members.window || members.sweeping !== undefined ? true : undefined,
    }
    out.push({ type: 'send', params: { to: jobOf(group, key), event } })
    if (members.sweeping !== undefined) out.push({ type: 'send', params: { to: jobOf(group, key), event: { type: 'cancel' } } })
  }
  const paged = keep(group, members.keys, fresh.keys())
  const next = { ...members, total: index, unfinished: addRange(members.unfinished, first, index), keys: paged.keys }
  return then({ members: next, out: [...paged.out, ...out] }, (m) => pump(group, m))
}

/** A key that another member already has; a job that was submitted beside the group is not yet one. */
export const isKnown = (peer: unknown): boolean => !!peer && (peer as { member: boolean }).member

/** Keys that are known with other content, or come twice with different content. */
export function conflicts(added: readonly Member[], known: Record<string, unknown>): string[] {
  const seen = new Map<string, Member>()
  const differ: string[] = []
  for (const member of added) {
    const { key, job, input } = member
    const before = seen.get(key)
    const content = known[key]
      ? (known[key] as { content: string }).content
      : before && before !== member && contentOf(before.job, before.input)
    if (content && content !== contentOf(job, input)) differ.push(key)
    seen.set(key, member)
  }
  return differ
}

/**
 * A member has ended: undefined if this is not the end of an unfinished member in its present round. The first failure may cancel the
 * rest: then nothing more is begun, not even in its place.
 */
export function end(
  group: string,
  members: Members,
  { index, round, state }: { index: number; round: number; state: string },
  failureCancelsRest: boolean,
): Step | undefined {
  if (!has(members.unfinished, index) || round !== (members.rounds[index] ?? 0)) return undefined
  const kind = state === 'succeeded' ? 'succeeded' : state === 'cancelled' ? 'cancelled' : 'failed'
  const next: Members = {
    ...members,
    unfinished: set(members.unfinished, index, false),
    counts: { ...members.counts, [kind]: members.counts[kind] + 1 },
  }
  if (next.window) {
    const { window } = next
    const waits = window.again.some((a) => a.index === index)
    const begun = index < window.next && !waits
    next.window = {
      ...window,
      active: window.active - (begun ? 1 : 0),
      again: waits ? window.again.filter((a) => a.index !== index) : window.again,
    }
  }
  return failureCancelsRest && kind === 'failed' && next.sweeping === undefined ? cancelRest(group, next) : pump(group, next)
}

/**
 * An operator's retry, only of a failed member and not while the rest is being cancelled. Whoever asked is answered by the member, once
 * that knows. A refusal is for good: asked again, it is refused again.
 */
export function retry(group: string, members: Members, { key, index, round: of, state = 'failed' }: Retry): Step {
  const present = members.rounds[index] ?? 0
  const to = jobOf(group, key)
  // It is on its way already: asked twice, or heard twice.
  if (has(members.unfinished, index) || (of ?? present) < present) return { members, out: [again(to, present)] }
  if (members.sweeping !== undefined) return { members, out: [notAgain(to, `the rest of ${group} is being cancelled`)] }
  if (state !== 'failed' && state !== 'aborted')
    return { members, out: [notAgain(to, `it is ${state}, and only failed members run again`)] }
  const round = present + 1
  // One that the window has not come to yet is begun when it comes to it.
  const waits = members.window && index < members.window.next
  const window = waits ? { ...members.window!, again: [...members.window!.again, { index, key }] } : members.window
  const next: Members = {
    ...members,
    window,
    unfinished: set(members.unfinished, index, true),
    counts: { ...members.counts, failed: members.counts.failed - 1 },
    rounds: { ...members.rounds, [index]: round },
  }
  return then({ members: next, out: [again(to, round, window && true)] }, (m) => pump(group, m))
}

export const again = (to: string, round: number, window?: true): SendEffect => ({
  type: 'send',
  params: { to, event: { type: 'again', round, window }, answers: true },
})

/** What an operator's retry of a job is refused with, by the group or the chain that knows why. */
export const retryRefused = (to: string, message: string): SendEffect => ({
  type: 'send',
  params: { to, event: { type: 'notAgain', code: 'NOT_ALLOWED', message }, answers: true },
})
export const notAgain = (to: string, reason: string): SendEffect =>
  retryRefused(to, `${to} is not run again: ${reason}. Submit the same work under another id, outside of this group or in a new one.`)

/**
 * Cancels all that is unfinished, in order of place, a piece after the other. Asked for again, it goes on from where it is: the page that it
 * waits for may be lost.
 */
export function cancelRest(group: string, members: Members): Step {
  const { recent, recentFrom, pages } = members.keys
  if (members.sweeping !== undefined) return { members, out: reads(pages, members.sweeping, 'cancel') }
  return sweep(group, { ...members, sweeping: 0 }, recentFrom, recent)
}

/** Most that one step sends to members, in characters of JSON: its document holds that until it is delivered. */
const mostSent = 32 * 1024

/** Cancels who is unfinished of these, as many as one step may, and asks for those who are next. */
function sweep(group: string, members: Members, first: number, keys: readonly string[]): Step {
  const out: Effect[] = []
  let sent = 0
  for (let place = members.sweeping!; place < members.total; place++) {
    if (!has(members.unfinished, place)) continue
    const key = keys[place - first]
    if (key === undefined || sent >= mostSent) {
      out.push(reads(members.keys.pages, place, 'cancel')[0] ?? goOn(place))
      return { members: { ...members, sweeping: place }, out }
    }
    const params = { to: jobOf(group, key), event: { type: 'cancel', reason: `cancelled with the rest of ${group}` } }
    sent += JSON.stringify(params).length
    out.push({ type: 'send', params })
  }
  return { members, out }
}

function reads(pages: readonly KeyPage[], place: number, purpose: 'cancel' | 'window'): ReadEffect[] {
  const page = pageTo(pages, place)
  return page ? [{ type: 'read', params: { page: page.id, event: { type: 'page', for: purpose, first: page.first, place } } }] : []
}

/** Who is next is at hand: only another step is needed. */
const goOn = (place: number): ReadEffect => ({ type: 'read', params: { event: { type: 'page', for: 'cancel', first: place, place } } })

/** A page that was asked for has come: keys, or where they are. `place`: who was looked for. */
export function turnPage(
  group: string,
  members: Members,
  { for: purpose, first, place, body }: { for: string; first: number; place?: number; body?: Body },
): Step {
  const { recent, recentFrom } = members.keys
  if (purpose === 'cancel') {
    // Asked for twice: the sweep has gone on already.
    if (place !== undefined && place !== members.sweeping) return { members, out: [] }
    if (!body) return sweep(group, members, recentFrom, recent)
    if (listsPages(body)) return { members, out: reads(body, members.sweeping!, 'cancel') }
    return sweep(group, members, first, body)
  }
  if (listsPages(body!)) return { members, out: reads(body, members.window!.next, 'window') }
  return pump(group, { ...members, window: { ...members.window!, page: { first, keys: [...body!] }, asked: undefined } })
}

/** Begins what the window allows, in the order in which members were added; retried ones first. */
function pump(group: string, members: Members): Step {
  if (!members.window || members.sweeping !== undefined) return { members, out: [] }
  const out: Effect[] = []
  const window = { ...members.window }
  const begin = (key: string) => {
    window.active++
    out.push({ type: 'send', params: { to: jobOf(group, key), event: { type: 'begin' } } })
  }
  while (window.active < window.concurrency) {
    const [again, ...rest] = window.again
    if (again) {
      window.again = rest
      begin(again.key)
    } else if (window.next >= members.total) break
    else if (!has(members.unfinished, window.next)) window.next++
    else {
      const key = keyAt(members.keys, window, window.next)
      if (key === undefined) {
        const { first } = pageTo(members.keys.pages, window.next)!
        if (window.asked !== first) out.push(...reads(members.keys.pages, window.next, 'window'))
        window.asked = first
        break
      }
      window.next++
      begin(key)
    }
  }
  return { members: { ...members, window }, out }
}

function keyAt(keys: Members['keys'], window: Window, index: number): string | undefined {
  if (index >= keys.recentFrom) return keys.recent[index - keys.recentFrom]
  return window.page?.keys[index - window.page.first]
}

function then(step: Step, next: (members: Members) => Step): Step {
  const { members, out } = next(step.members)
  return { members, out: [...step.out, ...out] }
}
