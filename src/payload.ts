import { createHash } from 'node:crypto'
import { canonical, type Payload } from '../actors/job.ts'
import { invalid, StellwerkError } from './errors.ts'
import type { Page, Store } from './store/port.ts'

/** Largest input, output, or state of a suspended job, in characters of JSON. */
export const maxPayload = 512 * 1024

export function checkLength(length: number, field: string): void {
  if (length <= maxPayload) return
  throw invalid(field, `${length} characters of JSON; at most ${maxPayload} are taken. Store it elsewhere and pass a reference.`)
}

/** Values above this many characters of JSON live in pages of their own, so that documents stay small. */
export const inlineLimit = 16 * 1024
/** Largest piece of a value in one page, in characters: as bytes it may be three times as much. */
const pieceLimit = 80 * 1024
/** The same for values of callbacks: a document may hold many of them. */
export const callbackInlineLimit = 2 * 1024

/** What a member of a group weighs in what its group sends, in characters of JSON (`length`: its own): its addresses are in it several times, a large input is not. */
export const weightOf = (group: string, { key }: { key: string }, length: number): number =>
  130 + 3 * (group.length + key.length) + (length > inlineLimit ? 400 : length)

/** The value as its document keeps it, and the pages that must be written before. The page's id names its owner and its content. */
export function paged(owner: string, payload: Payload, limit = inlineLimit): { payload: Payload; pages: Page[] } {
  if (!('value' in payload) || !mayBeLarge(payload.value, limit)) return { payload, pages: [] }
  const text = JSON.stringify(payload.value)
  if (text === undefined || text.length <= limit) return { payload, pages: [] }
  const id = `${owner}#value-${createHash('sha1').update(canonical(payload.value)).digest('base64url')}`
  const pieces: string[] = []
  for (let at = 0; at < text.length; at += pieceLimit) pieces.push(text.slice(at, at + pieceLimit))
  const pages = pieces.map((body, i) => ({ _id: `${id}.${i}`, owner, body }))
  return { payload: { page: id, bytes: text.length }, pages }
}

/** What documents call the value that this page is a piece of. */
export const valueIn = (page: string): string => page.slice(0, page.lastIndexOf('.'))

/** The value itself. */
export async function readPayload(store: Pick<Store, 'getPages'>, payload: Payload | undefined): Promise<unknown> {
  if (!payload) return undefined
  if ('value' in payload) return payload.value
  const count = Math.ceil(payload.bytes / pieceLimit)
  const ids = Array.from({ length: count }, (_, i) => `${payload.page}.${i}`)
  const pages = new Map((await store.getPages(ids)).map((page) => [page._id, page.body as string]))
  if (pages.size < count) throw new StellwerkError('NOT_FOUND', `${payload.page}: ${count - pages.size} of its ${count} pages are gone`)
  return JSON.parse(ids.map((id) => pages.get(id)).join(''))
}

/** Cheap: is it worth writing the value as JSON to learn its length? */
export const mayBeLarge = (value: unknown, limit: number): boolean => aboutLength(value, limit / 4) >= limit / 4

/** About how long the value is as JSON, in characters, without writing it; what is longer than `most` is not looked at to its end. */
export function aboutLength(value: unknown, most = Number.POSITIVE_INFINITY): number {
  if (typeof value === 'string') return value.length + 2
  if (value === null || typeof value !== 'object') return 5
  let length = 2
  if (Array.isArray(value)) {
    for (const inner of value) {
      if (length >= most) break
      length += 1 + aboutLength(inner, most - length)
    }
    return length
  }
  for (const key in value) {
    if (length >= most) break
    const inner = (value as Record<string, unknown>)[key]
    if (inner !== undefined) length += key.length + 4 + aboutLength(inner, most - length)
  }
  return length
}
