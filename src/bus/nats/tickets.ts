/** A place in shared memory, and the number that stands in it until one of two threads has decided. */
export type Ticket = readonly [cell: number, number: number]

/** So many runs can be guarded at once; one that finds no place is never given back by the other thread. */
export const ticketCells = 4096

const next = (last: number) => (last === 0x7fffffff ? 1 : last + 1)
const change = (cells: Int32Array, [cell, number]: Ticket, to: number) => Atomics.compareExchange(cells, cell, number, to) === number

/**
 * A claimed run begins, or is given back: decided by one of two threads that cannot wait for each other. Each run has a ticket, and who is
 * first to change it, by one compare-and-set, has decided. A number is not used again for a long time: who comes late finds another one.
 */
export function createTickets(cells: Int32Array) {
  const free = Array.from({ length: cells.length }, (_, i) => cells.length - 1 - i)
  let last = 0
  return {
    issue(): Ticket | undefined {
      const cell = free.pop()
      if (cell === undefined) return undefined
      last = next(last)
      Atomics.store(cells, cell, last)
      return [cell, last]
    },
    /** true: it begins, and is seen to have begun. */
    begin: (ticket: Ticket): boolean => change(cells, ticket, -ticket[1]),
    /** The run is settled. */
    release: ([cell]: Ticket): void => void free.push(cell),
  }
}

/** true: it does not begin any more. */
export const giveBackTicket = (cells: Int32Array, ticket: Ticket): boolean => change(cells, ticket, 0)

export const isGivenBack = (cells: Int32Array, [cell]: Ticket): boolean => Atomics.load(cells, cell) === 0

export const hasBegun = (cells: Int32Array, [cell, number]: Ticket): boolean => Atomics.load(cells, cell) === -number
