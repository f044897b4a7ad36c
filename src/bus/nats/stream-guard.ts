import type { JetStreamManager } from '@nats-io/jetstream'
import { systemClock, within } from '../../clock.ts'
import { StellwerkError } from '../../errors.ts'
import type { Link } from './link.ts'

/** What the documents may have seen of the event stream. Documents keep positions in it: below them all is taken for applied. */
export interface StreamRecord {
  epoch: number
  /** Mark that the stream got when it was made; '' if it has none. */
  mark: string
  /** Last sequence that is known to have been there. */
  sequence: number
}

/** Keeps the record beside the documents: where it is restored or lost with them, and not with the stream. */
export interface StreamMemory {
  read(): Promise<StreamRecord | undefined>
  /** Writes if `expected` is still there, and answers what is there then. */
  write(record: StreamRecord, expected: StreamRecord | undefined): Promise<StreamRecord | undefined>
}

/**
 * Refuses a stream that is not the one that the documents have seen, or an older state of it: its new frames would have sequences that
 * the documents have passed, and be dropped as repeats.
 */
export interface StreamGuard {
  /** Rejects with STREAM_BEHIND. */
  check(): Promise<void>
  saw(sequence: number): void
  /** Notes what was seen last, if the store answers in time. */
  close(): Promise<void>
}

/** What is seen is noted after so long, once for all that came meanwhile; while nothing comes nothing is written, ms. */
const noteAfter = 60_000
const closeTime = 2000

export async function guardStream(options: {
  link: Link
  jsm: JetStreamManager
  stream: string
  epoch: number
  memory?: StreamMemory
}): Promise<StreamGuard> {
  const { link, jsm, stream, epoch, memory } = options
  // Read before the stream is looked at: a host that runs may raise it at any time, but never above what the stream has.
  const known = await memory?.read()
  const { mark, sequence: found } = await stateOf()
  let noted = 0
  let newest = 0
  let timer: NodeJS.Timeout | undefined

  async function stateOf(): Promise<{ mark: string; sequence: number }> {
    const { config, state } = await link.bounded(() => jsm.streams.info(stream))
    return { mark: config.metadata?.mark ?? '', sequence: state.last_seq }
  }

  function refuse(what: string): never {
    throw new StellwerkError(
      'STREAM_BEHIND',
      `The event stream ${stream} on NATS at ${link.server} ${what}: it was restored from an older backup, or made anew, and the documents would take its new frames for repeats. Put back the stream that they have seen; or stop all hosts, delete this one (nats stream rm ${stream}) and start again: a new one is made under the next number, and what was only in the old one is lost.`,
    )
  }

  async function note(sequence: number): Promise<void> {
    for (;;) {
      const present = await memory!.read()
      if (present && (present.epoch > epoch || (present.epoch === epoch && present.sequence >= sequence))) break
      const after = await memory!.write({ epoch, mark, sequence }, present)
      if (after?.epoch === epoch && after.sequence === sequence) break
    }
    noted = Math.max(noted, sequence)
  }

  if (known && known.epoch > epoch)
    refuse(`has number ${epoch} and last sequence ${found}; recorded were ${known.epoch} and ${known.sequence}`)
  if (known?.epoch === epoch) {
    if (found < known.sequence) refuse(`has last sequence ${found}; ${known.sequence} was recorded`)
    if (known.mark !== mark) refuse(`is not the one that was recorded (last sequence ${found}; ${known.sequence} was recorded)`)
  }
  if (memory) await note(found)
  newest = found

  return {
    async check() {
      // What is seen while the answer is under way may be newer than the answer.
      const seen = newest
      const now = await stateOf()
      if (now.sequence < seen) refuse(`has last sequence ${now.sequence}; ${seen} was seen`)
      if (now.mark !== mark) refuse(`is not the one that was seen (last sequence ${now.sequence}; ${seen} was seen)`)
    },
    saw(sequence) {
      if (sequence <= newest) return
      newest = sequence
      if (!memory || timer) return
      timer = setTimeout(() => {
        timer = undefined
        // The store is away: the next frame, or the end, notes it.
        note(newest).catch(() => {})
      }, noteAfter)
      timer.unref()
    },
    async close() {
      clearTimeout(timer)
      if (!memory || newest <= noted) return
      const noting = note(newest).catch(() => {})
      await within(systemClock, closeTime, noting)
    },
  }
}
