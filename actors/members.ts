import { createHash } from 'node:crypto'
import { addRange, type Bitmap, has, isEmpty, set, within } from './bitmap.ts'
import { contentOf, type Payload, type Terms } from './job.ts'

/**
 * The members of a group as a set of identities. The set of the unfinished is a bitmap over their places; which key has which
 * place is told by the member itself (its end carries it). Keys by place are needed to open the window and to cancel the rest:
 * the newest are here, older ones in pages of their own, so the document stays small for a million members.
 *
 * All functions are pure: members and what should follow, in; the same, out.
 */
export interface Members {
  total: number
  unfinished: Bitmap
  /** Those that an operator may retry. */
  failed: Bitmap
  cancelled: Bitmap
  counts: { succeeded: number; failed: number; cancelled: number }
  /** Operator's retries by place, where there were any. */
  rounds: Record<number, number>
  keys: {
    /** Newest keys; the first of them has place `recentFrom`. */
    recent: string[]
    recentFrom: number
    pages: { first: number; count: number; id: string }[]
  }
  /** Present if the group limits how many members run at once. */
  window?: Window
  /** Page from which the rest is being cancelled. */
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
  asked?: number
}

export interface Member {
  key: string
  job: string
  input: Payload
  terms: Terms
}

export type Effect = { type: 'send'; params: { to: string; event: { type: string; [field: string]: unknown } } } | PageEffect | ReadEffect
type PageEffect = { type: 'page'; params: { id: string; body: unknown } }
type ReadEffect = { type: 'read'; params: { page: string; event: { type: string; [field: string]: unknown } } }

export interface Step {
  members: Members
  out: Effect[]
}

const pageSize = 500

/** How a member ends whose id is taken by a job with other content: failed, and never to be retried, since it is not this job. */
export const refused = 'refused'

export function noMembers(concurrency?: number): Members {
  return {
    total: 0,
    unfinished: [],
    failed: [],
    cancelled: [],
    counts: { succeeded: 0, failed: 0, cancelled: 0 },
    rounds: {},
    keys: { recent: [], recentFrom: 0, pages: [] },
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
  const paged = keepKeys(group, { ...members.keys, recent: [...members.keys.recent, ...fresh.keys()] })
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

function keepKeys(group: string, keys: Members['keys']): { keys: Members['keys']; out: Effect[] } {
  const out: Effect[] = []
  while (keys.recent.length >= 2 * pageSize) {
    const body = keys.recent.slice(0, pageSize)
    // The id names the content: an owner that is late can write nothing into it that is not in it.
    const id = `${group}#keys-${keys.recentFrom}-${createHash('sha1').update(body.join()).digest('base64url')}`
    out.push({ type: 'page', params: { id, body } })
    keys = {
      recent: keys.recent.slice(pageSize),
      recentFrom: keys.recentFrom + pageSize,
      pages: [...keys.pages, { first: keys.recentFrom, count: pageSize, id }],
    }
  }
  return { keys, out }
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
    failed: kind === 'failed' && state !== refused ? set(members.failed, index, true) : members.failed,
    cancelled: kind === 'cancelled' ? set(members.cancelled, index, true) : members.cancelled,
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

/** An operator's retry: only of a failed member. */
export function retry(group: string, members: Members, key: string, index: number): Step | undefined {
  if (!has(members.failed, index)) return undefined
  const round = (members.rounds[index] ?? 0) + 1
  // One that the window has not come to yet is begun when it comes to it.
  const waits = members.window && index < members.window.next
  const window = waits ? { ...members.window!, again: [...members.window!.again, { index, key }] } : members.window
  const next: Members = {
    ...members,
    window,
    unfinished: set(members.unfinished, index, true),
    failed: set(members.failed, index, false),
    counts: { ...members.counts, failed: members.counts.failed - 1 },
    rounds: { ...members.rounds, [index]: round },
  }
  const again: Effect = {
    type: 'send',
    params: { to: jobOf(group, key), event: { type: 'again', round, window: window ? true : undefined } },
  }
  return then({ members: next, out: [again] }, (m) => pump(group, m))
}

/** Cancels all that is unfinished: what is at hand at once, then page after page. */
export function cancelRest(group: string, members: Members): Step {
  const { recent, recentFrom } = members.keys
  const step = { members: { ...members, sweeping: 0 }, out: cancels(group, members, recentFrom, recent) }
  return then(step, (m) => sweep(m))
}

function cancels(group: string, members: Members, first: number, keys: readonly string[]): Effect[] {
  return within(members.unfinished, first, first + keys.length).map((index) => ({
    type: 'send',
    params: { to: jobOf(group, keys[index - first]!), event: { type: 'cancel' } },
  }))
}

function sweep(members: Members): Step {
  const page = members.keys.pages[members.sweeping!]
  return {
    members,
    out: page ? [{ type: 'read', params: { page: page.id, event: { type: 'page', for: 'cancel', first: page.first } } }] : [],
  }
}

/** A page of keys that was asked for has come. */
export function turnPage(group: string, members: Members, purpose: string, first: number, keys: string[]): Step {
  if (purpose === 'cancel') {
    const step = { members: { ...members, sweeping: members.sweeping! + 1 }, out: cancels(group, members, first, keys) }
    return then(step, (m) => sweep(m))
  }
  return pump(group, { ...members, window: { ...members.window!, page: { first, keys }, asked: undefined } })
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
        const page = members.keys.pages.find((p) => window.next < p.first + p.count)!
        if (window.asked !== page.first)
          out.push({ type: 'read', params: { page: page.id, event: { type: 'page', for: 'window', first: page.first } } })
        window.asked = page.first
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
