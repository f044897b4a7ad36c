import type { JetStreamManager } from '@nats-io/jetstream'
import type { DeadLetter, KeptLetter, KeptLetters } from '../port.ts'
import type { Link } from './link.ts'
import { isApiError } from './streams.ts'

/** Dead letters in their stream, which removes by itself what is too old or too much. The place of one is its sequence. */
export function lettersIn(link: Link, jsm: JetStreamManager, namespace: string, stream: string): KeptLetters {
  /** The one with this sequence; `next`: or the first after it. */
  async function read(seq: number, next: boolean): Promise<KeptLetter | undefined> {
    const query = next ? { seq, next_by_subj: `${namespace}.dead.>` } : { seq }
    try {
      const found = await link.bounded(() => jsm.streams.getMessage(stream, query))
      return found ? { ...found.json<DeadLetter>(), place: String(found.seq) } : undefined
    } catch (error) {
      if (isApiError(error, 'no message found')) return undefined
      throw error
    }
  }

  return {
    async list(after, limit) {
      const letters: KeptLetter[] = []
      for (let seq = sequenceOf(after ?? '0') + 1; letters.length < limit; ) {
        const letter = await read(seq, true)
        if (!letter) break
        letters.push(letter)
        seq = Number(letter.place) + 1
      }
      return letters
    },
    get: async (place) => (sequenceOf(place) ? read(sequenceOf(place), false) : undefined),
    async remove(places) {
      for (const place of places.filter(sequenceOf)) {
        try {
          await link.bounded(() => jsm.streams.deleteMessage(stream, sequenceOf(place), false))
        } catch (error) {
          if (!isApiError(error, 'not found') && !isApiError(error, 'no message found')) throw error
        }
      }
    },
  }
}

const sequenceOf = (place: string): number => (/^\d{1,15}$/.test(place) ? Number(place) : 0)
