import { type Address, typeOf } from '../../address.ts'
import type { Item } from '../intake.ts'
import type { Partition } from '../partition.ts'

/**
 * Events of siblings that an actor may be told as one (see ActorType.joined) become one item, in the place of the first. Whatever else comes for that
 * actor in between ends the row: its own events keep their order.
 *
 *   a ended ─► g      a ended, b ended ─► g
 *   b ended ─► g  ═►  cancel           ─► g
 *   cancel  ─► g      c ended          ─► g
 *   c ended ─► g
 */
export function joined(partition: Partition, items: Item[]): Item[] {
  const rows = new Map<Address, Item[]>()
  const places: (Item | Item[])[] = []
  for (const item of items) {
    const { to, event } = item.envelope
    const type = partition.actors.get(typeOf(to))
    const row = rows.get(to)
    // Only what came from an actor of this partition: it is due until its receiver has committed. One that it would create is told alone.
    const may = item.from && type?.joined?.may(event) && partition.cache.get(to)
    if (may && row) row.push(item)
    else if (may) places.push(rows.set(to, [item]).get(to)!)
    else {
      if (row) rows.delete(to)
      places.push(item)
    }
  }
  return places.map((place) => (Array.isArray(place) ? asOne(partition, place) : place))
}

function asOne({ actors }: Partition, row: Item[]): Item {
  const [first] = row
  if (row.length === 1) return first!
  const { to } = first!.envelope
  const event = actors.get(typeOf(to))!.joined!.as(row.map(({ envelope }) => envelope.event))
  return { envelope: { to, event }, joins: row }
}

/** The items that it is made of: what is done with one that has been decided on is done with each of them. */
export const partsOf = (item: Item): readonly Item[] => item.joins ?? [item]
