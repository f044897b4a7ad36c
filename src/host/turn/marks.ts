import { isIncarnation } from '../../decide.ts'
import type { Inbox } from '../../document.ts'

/**
 * The highest number applied, by sender. Marks of actors stay: an outbox may be sent again at any time. Clients and programs are many in the
 * life of a long-lived actor, and repeat a command for a minute only: where their marks become many, those are forgotten that are an hour
 * old by the time of the stream (when the server took the frames in), so that an owner who comes late to a frame does not know less. Where they
 * become too many for a document within the hour, the oldest are forgotten earlier.
 */
const many = 256
const hour = 3_600_000
/** About as many characters of these marks are in one generation; there are two. At least a thousand commands, with ids of 36 characters five thousand. */
const room = 256 * 1024

export const markOf = ({ marks, earlier }: Inbox, sender: string): number | undefined => marks[sender] ?? earlier?.marks[sender]

/** `published`: stream time of the frame that brought it. */
export function mark(inbox: Inbox, sender: string, n: number, published: number | undefined): void {
  inbox.marks[sender] = n
  if (published === undefined) return
  const isOld = published - (inbox.earlier?.since ?? 0) >= hour
  const tooMany = (senders: string[]) => senders.length >= many && (isOld || lengthOf(senders) >= room)
  const senders = Object.keys(inbox.marks)
  if (!tooMany(senders) || !tooMany(senders.filter((of) => !isIncarnation(of)))) return
  const all = Object.entries(inbox.marks)
  inbox.earlier = { since: published, marks: Object.fromEntries(all.filter(([of]) => !isIncarnation(of))) }
  inbox.marks = Object.fromEntries(all.filter(([of]) => isIncarnation(of)))
}

const lengthOf = (senders: readonly string[]): number => senders.reduce((sum, { length }) => sum + length + 8, 0)
