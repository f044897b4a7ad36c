import { createHash } from 'node:crypto'
import type { Address } from '../../src/address.ts'

/**
 * Requests in order of (at, job), however many: the first are at hand, later ones in pages of their own, and where these become many
 * their list is in pages too. So a gate's document is as small with a million jobs before it as with a hundred.
 */
export interface Queue {
  /** In order. */
  near: readonly Request[]
  /** Pages, in no order; what is in them may come before what is at hand. */
  far: readonly Far[]
}

export interface Request {
  job: Address
  /** When the job was submitted, ms. */
  at: number
  /** Permit number: +1 for every request of this job at this gate. */
  permit: number
  needs: Needs
}

/** Units by resource. */
export type Needs = Record<string, number>

/** A page that was written once: requests, or a list of such pages. */
export interface Far {
  id: string
  /** Its first request. */
  at: number
  job: Address
  count: number
  lists?: true
}

/** Whose queue it is, and how many pages it has ever written. */
export interface Writer {
  self: Address
  written?: number
}

export type QueuePage = readonly Request[] | readonly Far[]
export type QueuePageEffect = { type: 'page'; params: { id: string; body: QueuePage } }
export interface QueueStep {
  queue: Queue
  out: QueuePageEffect[]
  /** Older ones of the same jobs, which are forgotten. */
  dropped: Request[]
}

export const noQueue: Queue = { near: [], far: [] }

/** Most requests at hand, and most pages in one list; half of them leave together. */
const mostNear = 128
const mostFar = 64

type Place = { at: number; job: Address }
export const before = (a: Place, b: Place): boolean => a.at < b.at || (a.at === b.at && a.job < b.job)

export const lengthOf = ({ near, far }: Queue): number => far.reduce((sum, { count }) => sum + count, near.length)

/** Adds requests; one of the same job that is at hand makes place for them. */
export function put(gate: Writer, { near, far }: Queue, added: readonly Request[]): QueueStep {
  let sorted = near.slice()
  const dropped: Request[] = []
  for (const request of added) {
    const place = sorted.findIndex(({ job }) => job === request.job)
    const present = sorted[place]
    if (present && present.permit !== request.permit) dropped.push(present.permit < request.permit ? present : request)
    if (present && present.permit >= request.permit) continue
    if (present) sorted.splice(place, 1)
    const at = sorted.findIndex((other) => before(request, other))
    sorted.splice(at < 0 ? sorted.length : at, 0, request)
  }
  const out: QueuePageEffect[] = []
  let pages = far
  while (sorted.length > mostNear) {
    const body = sorted.slice(-mostNear / 2)
    sorted = sorted.slice(0, -mostNear / 2)
    pages = [...pages, write(gate, body, body.length, out)]
  }
  if (pages.length > mostFar) {
    const ordered = [...pages].sort((a, b) => (before(a, b) ? -1 : 1))
    const body = ordered.splice(-mostFar / 2)
    const count = body.reduce((sum, page) => sum + page.count, 0)
    pages = [...ordered, { ...write(gate, body, count, out), lists: true }]
  }
  return { queue: { near: sorted, far: pages }, out, dropped }
}

/**
 * The id names the content: an owner that is late can write nothing into it that is not in it. And it has a number: the same requests may
 * leave again while the page that held them is removed.
 */
function write({ self, written = 0 }: Writer, body: QueuePage, count: number, out: QueuePageEffect[]): Far {
  const id = `${self}#queue-${written + out.length + 1}-${createHash('sha1').update(JSON.stringify(body)).digest('base64url')}`
  out.push({ type: 'page', params: { id, body } })
  const { at, job } = body[0]!
  return { id, at, job, count }
}

/** The page that must be read before it is known who is first; undefined: what is at hand is. */
export function pageBefore({ near, far }: Queue): Far | undefined {
  let first: Far | undefined
  for (const page of far) if (!first || before(page, first)) first = page
  return first && (!near[0] || before(first, near[0])) ? first : undefined
}

/** A page was read: what is in it is at hand, and the page is gone. undefined: it is not one of this queue. */
export function turnPage(gate: Writer, { near, far }: Queue, id: string, body: QueuePage): QueueStep | undefined {
  const page = far.find((one) => one.id === id)
  if (!page) return undefined
  const others = far.filter((one) => one !== page)
  if (page.lists) return { queue: { near, far: [...others, ...(body as readonly Far[])] }, out: [], dropped: [] }
  return put(gate, { near, far: others }, body as readonly Request[])
}

/** Without the request of this job, as far as it is at hand. */
export const without = ({ near, far }: Queue, job: Address): Queue => ({ near: near.filter((request) => request.job !== job), far })
