import type { Sizes, Work } from './scenarios.ts'
import type { Stamped } from './stamps.ts'

/** How a side is reached, and how many processes it has. */
export interface Opening {
  backend: string
  hosts: number
  /** Unique: nothing of an earlier scenario is met. */
  namespace: string
  nats?: string
  mongo?: string
  redis?: string
  folder?: string
}

/** One that is measured: ours, or the peer. */
export interface Side {
  /** Submits so many jobs at once; resolves when all have ended. */
  jobs(round: number, work: Work, sizes: Sizes): Promise<void>
  /** Submits all groups at once; resolves when all their outputs have ended. */
  groups(round: number, work: Work, sizes: Sizes): Promise<void>
  /** One after the other: ms from the submit to the result of each. */
  latencies(round: number, sizes: Sizes): Promise<number[]>
  /** What the handlers noted since the last time. */
  stamps(): Promise<Stamped>
  /** Things counted since the start: their names say what. */
  counts(): Promise<Record<string, number>>
  close(): Promise<void>
}

/** 1 KB of JSON, or nothing. */
export const inputOf = (work: Work) => (work === 'payload' ? { text } : {})
export const outputOf = inputOf
const text = 'x'.repeat(1013)
export const payloadWait = 2

export const wait = () => new Promise<void>((done) => setTimeout(done, payloadWait))
