import type { Grant } from '../../../actors/job.ts'
import type { Address } from '../../address.ts'
import type { DeadLetter } from '../../bus/port.ts'
import type { Outcome } from '../../decide.ts'
import type { ActorDocument } from '../../document.ts'
import type { Envelope } from '../../envelope.ts'
import type { Page } from '../../store/port.ts'
import type { Cached } from '../cache.ts'
import type { StateChange } from '../feed.ts'
import type { Chore } from '../housekeeping.ts'
import type { Collected, Item } from '../intake.ts'
import type { Waiting } from '../offers.ts'

/** What one turn gathers until it is over. */
export interface Turn {
  items: Item[]
  next: Item[]
  /** Outbox entries that this turn has routed: each at most once. */
  routed: Set<string>
  /** Actors that have kept something for a later turn: in their outboxes or timers. */
  left: Set<Address>
  /** Entries whose receiver in this partition has committed, or whose publish was confirmed. */
  delivered: [Address, number][]
  /** Those of them whose receiver has committed: in this partition, with this turn. */
  received: [Address, number][]
  frames: Map<number, { envelopes: Envelope[]; from: [Address, number][] }>
  offers: Waiting[]
  letters: { letter: DeadLetter; from?: [Address, number] }[]
  /** Granted at once to the worker of this host, and the slots that were reserved for that. */
  grants: { grant: Grant; since: number }[]
  reserved: string[]
  replies: { item: Item; outcome?: Outcome; doc?: ActorDocument }[]
  changes: StateChange[]
  /** Pages that nothing written in it refers to any more. */
  unpaged: string[]
  /** Refused: perhaps nobody has the pages that they brought. */
  homeless: Item[]
  /** They need pages that are not in the store. */
  lacking: Set<Address>
  touched: Set<Address>
  /** Those of them that it has written. */
  written: Set<Address>
  /** Looked for in the store, and not there. */
  absent: Set<Address>
  chores: { address: Address; chore: Chore }[]
  /** Something in it has no frame behind it that would come again. */
  frameless: boolean
}

export const beginTurn = ({ items, letters, refused }: Collected): Turn => ({
  items,
  next: [],
  routed: new Set(),
  left: new Set(),
  delivered: [],
  received: [],
  frames: new Map(),
  offers: [],
  letters: letters.map((letter) => ({ letter })),
  grants: [],
  reserved: [],
  replies: refused.map(({ envelope, error }) => ({ item: { envelope }, outcome: refusal(error) })),
  changes: [],
  unpaged: [],
  homeless: [],
  lacking: new Set(),
  touched: new Set(),
  absent: new Set(),
  written: new Set(),
  chores: items.flatMap(({ envelope, chore }) => (chore ? [{ address: envelope.to, chore }] : [])),
  frameless: items.some((item) => item.sequence === undefined && !item.claim && !isStranded(item)),
})

/** Behind what follows from it is the document that is due: as a frame would, it comes again until all is delivered. */
const isStranded = ({ envelope, chore }: Item): boolean => envelope.event.type === 'stranded' && !chore

export const refusal = (rejected: { code: string; message: string }): Outcome => ({
  grants: [],
  refused: [],
  rejected,
  superseded: false,
  pages: [],
  unpaged: [],
})

/** What one wave does to one actor: in the end one write, or none. */
export interface Touched {
  address: Address
  draft: ActorDocument
  /** The document as it was at the start of the wave; absent for one that is created. */
  before?: ActorDocument
  cached?: Cached
  items: Item[]
  outcomes: (readonly [Item, Outcome | undefined])[]
  grants: Grant[]
  pages: Page[]
  unpaged: string[]
  changed: boolean
}
