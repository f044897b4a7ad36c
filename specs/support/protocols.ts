type Direction = 'sent' | 'received'

export interface Counter {
  /** Sees what passes: see `tcpProxy`. */
  see(direction: Direction, data: Buffer, line: number): void
  counts(): Map<string, number>
  total(): number
  reset(): void
}

/** Cuts a byte stream into what `next` recognises: the length of the first thing and its name, or undefined while it is not all there. */
function counter(next: (pending: Buffer, direction: Direction) => { length: number; name?: string } | undefined): Counter {
  const pending = new Map<string, Buffer>()
  let counts = new Map<string, number>()
  return {
    see(direction, data, line) {
      const key = `${direction} ${line}`
      let rest = Buffer.concat([pending.get(key) ?? Buffer.alloc(0), data])
      for (let found = next(rest, direction); found && found.length <= rest.length; found = next(rest, direction)) {
        if (found.name) counts.set(found.name, (counts.get(found.name) ?? 0) + 1)
        rest = rest.subarray(found.length)
      }
      pending.set(key, rest)
    },
    counts: () => counts,
    total: () => [...counts.values()].reduce((sum, count) => sum + count, 0),
    reset() {
      counts = new Map()
    },
  }
}

/** Messages of NATS, in both directions, by subject (numbers and names of one time left out). */
export const natsMessages = (): Counter =>
  counter((pending, direction) => {
    const end = pending.indexOf('\r\n')
    if (end < 0) return undefined
    const [verb = '', subject = '', ...more] = pending.subarray(0, end).toString('latin1').split(/\s+/)
    if (!/^(H?PUB|H?MSG)$/i.test(verb)) return { length: end + 2 }
    return { length: end + 2 + Number(more.at(-1)) + 2, name: `${direction} ${kindOf(subject)}` }
  })

const kindOf = (subject: string): string =>
  subject
    .replace(/^_INBOX\..*/, '_INBOX')
    .replace(/^(\$JS\.ACK|\$JS\.API\.[A-Z]+\.[A-Z]+(?:\.NEXT)?).*/, '$1')
    .replace(/^[^.$_]+\.(.*)$/, '$1')
    .replaceAll(/\b\d+\b/g, 'N')
    .replaceAll(/-[0-9a-f]{12}/g, '')

const heartbeats = /^(hello|ismaster|ping)$/i
const [opMessage, withHeader] = [2013, 16]

/** Commands that a MongoDB driver sends, by name and collection, without its heartbeats. */
export const mongoCommands = (): Counter =>
  counter((pending, direction) => {
    if (pending.length < withHeader) return undefined
    const length = pending.readInt32LE(0)
    if (pending.length < length) return { length }
    if (direction === 'received' || pending.readInt32LE(12) !== opMessage) return { length }
    // Flags, the kind of the section, the size of the document, the type of its first field.
    const name = textAt(pending, withHeader + 4 + 1 + 4 + 1)
    const value = withHeader + 4 + 1 + 4 + 1 + name.length + 1
    const isText = pending[withHeader + 4 + 1 + 4] === 2
    return {
      length,
      name: heartbeats.test(name) ? undefined : isText ? `${name} ${textAt(pending, value + 4).replace(/^[^_]+_/, '')}` : name,
    }
  })

const textAt = (data: Buffer, from: number): string => data.subarray(from, data.indexOf(0, from)).toString('utf8')
