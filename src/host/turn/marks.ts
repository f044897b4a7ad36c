import { isIncarnation } from '../../decide.ts'
import type { Inbox } from '../../document.ts'

/**
 * The highest number applied, by sender. Marks of actors stay: an outbox may be sent again at any time. Clients and programs are many in the
 * life of a long-lived actor, and repeat a command for a minute only: where their marks become many, those are forgotten that are an hour
 * old by the time of the stream (when the server took the frames in), so that an owner who comes late to a frame does not know less.
 */
const many = 256
const hour = 3_600_000

export const markOf = ({ marks, earlier }: Inbox, sender: string): number | undefined => marks[sender] ?? earlier?.marks[sender]

/** `published`: stream time of the frame that brought it. */
export function mark(inbox: Inbox, sender: string, n: number, published: number | undefined): void {
  inbox.marks[sender] = n
  const since = inbox.earlier?.since ?? 0
  if (published === undefined || published - since < hour || Object.keys(inbox.marks).length < many) return
  const all = Object.entries(inbox.marks)
  const commands = all.filter(([of]) => !isIncarnation(of))
  if (commands.length < many) return
  inbox.earlier = { since: published, marks: Object.fromEntries(commands) }
  inbox.marks = Object.fromEntries(all.filter(([of]) => isIncarnation(of)))
}
