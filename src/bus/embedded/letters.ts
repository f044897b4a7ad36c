import { byText } from '../../store/match.ts'
import { type DeadLetter, type KeptLetter, type KeptLetters, type LetterLimits, letterLimits } from '../port.ts'

/** Where dead letters outlive the process; each of its calls is durable when it resolves. */
export interface LetterTable {
  add(letters: readonly DeadLetter[]): Promise<void>
  get(ids: readonly string[]): Promise<DeadLetter[]>
  remove(ids: readonly string[]): Promise<void>
  /** Oldest first. */
  all(): Promise<DeadLetter[]>
}

export interface LetterBox extends KeptLetters {
  /** A letter that is there already stays as it is. */
  add(letters: readonly DeadLetter[]): Promise<void>
}

/** Dead letters of one process. What is too old, or too much, goes when the next comes; what is too old is not shown any more before that. */
export function letterBox(table: LetterTable, now: () => number, limits: LetterLimits = letterLimits): LetterBox {
  let known: Promise<Map<string, number>> | undefined
  const index = () => (known ??= table.all().then((all) => new Map(all.map(({ id, at }) => [id, at]))))
  const isOld = (at: number) => at < now() - limits.age

  async function prune(times: Map<string, number>): Promise<void> {
    const gone: string[] = []
    for (const [id, at] of times) {
      if (!isOld(at) && times.size - gone.length <= limits.count) break
      gone.push(id)
    }
    for (const id of gone) times.delete(id)
    if (gone.length) await table.remove(gone)
  }

  return {
    async add(letters) {
      const times = await index()
      const fresh = letters.filter(({ id }) => !times.has(id))
      await table.add(fresh)
      for (const { id, at } of fresh) times.set(id, at)
      await prune(times)
    },
    async list(after = '', limit) {
      const places = Array.from(await index())
        .filter(([, at]) => !isOld(at))
        .map(([id, at]) => placeOf(id, at))
        .filter((place) => place > after)
        .sort(byText)
        .slice(0, limit)
      const letters = await table.get(places.map(idIn))
      return letters.map((letter) => ({ ...letter, place: placeOf(letter.id, letter.at) }))
    },
    async get(place): Promise<KeptLetter | undefined> {
      const [letter] = await table.get([idIn(place)])
      return letter && !isOld(letter.at) && placeOf(letter.id, letter.at) === place ? { ...letter, place } : undefined
    },
    async remove(places) {
      const times = await index()
      const ids = places.map(idIn).filter((id) => times.delete(id))
      if (ids.length) await table.remove(ids)
    },
  }
}

/** By time: digits enough for any. */
const placeOf = (id: string, at: number): string => `${String(at).padStart(16, '0')}.${id}`
const idIn = (place: string): string => place.slice(17)

/** For as long as the process lives. */
export function lettersInMemory(): LetterTable & { readonly present: DeadLetter[] } {
  const letters = new Map<string, string>()
  const read = (text: string): DeadLetter => JSON.parse(text)
  return {
    get present() {
      return [...letters.values()].map(read)
    },
    add: async (added) => {
      for (const letter of added) letters.set(letter.id, JSON.stringify(letter))
    },
    get: async (ids) => ids.flatMap((id) => letters.get(id) ?? []).map(read),
    remove: async (ids) => {
      for (const id of ids) letters.delete(id)
    },
    all: async () => [...letters.values()].map(read),
  }
}
