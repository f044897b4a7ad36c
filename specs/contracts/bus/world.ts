import { suite, type Test } from 'uvu'
import type { Bus, DeadLetter, FrameConsumer, IncomingFrame, Offer, OutgoingFrame, TakenOffer, WorkPull } from '../../../src/bus/port.ts'

export interface BusWorld {
  connect(name: string): Promise<Bus>
  /** What `deadLetter` kept, oldest first. */
  deadLetters(): Promise<DeadLetter[]>
  dispose(): Promise<void>
}

export interface BusFactory {
  name: string
  /** A bus of 16 partitions at least, with nothing on it. */
  make(): Promise<BusWorld>
}

export interface Context {
  world: BusWorld
  a: Bus
  b: Bus
}

/** A suite with two hosts at one bus. Its tests use partitions, jobs and subjects of their own. */
export function busSuite(factory: BusFactory, name: string): Test<Context> {
  const test = suite<Context>(`${factory.name} bus: ${name}`)
  test.before(async (context) => {
    context.world = await factory.make()
    context.a = await context.world.connect('a')
    context.b = await context.world.connect('b')
  })
  test.after(async ({ world, a, b }) => {
    await a.close()
    await b.close()
    await world.dispose()
  })
  return test
}

/** Waits until it is so; says what it waited for if that takes too long. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

export const frame = (partition: number, id: string, label: unknown = id): OutgoingFrame => ({
  partition,
  id,
  events: [{ to: 'job:x', event: { type: 'told', label } }],
})

/** Frames `<name>0`, `<name>1`, … of one partition. */
export const frames = (partition: number, name: string, count: number): OutgoingFrame[] =>
  Array.from({ length: count }, (_, i) => frame(partition, `${name}${i}`))

export interface Reading {
  consumer: FrameConsumer
  frames: IncomingFrame[]
  labels(): unknown[]
  lost: string[]
  acknowledge(count: number): void
}

/** Takes over a partition and notes what comes. */
export async function read(bus: Bus, partition: number, owner: string, more: 'always' | 'asked' = 'always'): Promise<Reading> {
  const got: IncomingFrame[] = []
  const lost: string[] = []
  const on = {
    frame(one: IncomingFrame) {
      got.push(one)
      if (more === 'always') consumer.more()
    },
    lost: (reason: string) => void lost.push(reason),
  }
  const consumer = await bus.consume(partition, owner, on)
  if (more === 'always') consumer.more()
  let acknowledged = 0
  return {
    consumer,
    frames: got,
    lost,
    labels: () => got.map(labelOf),
    acknowledge(count) {
      consumer.acknowledge(got.slice(acknowledged, acknowledged + count).map(({ sequence }) => sequence))
      acknowledged += count
    },
  }
}

export const labelOf = ({ body }: IncomingFrame): unknown => (body as OutgoingFrame['events'])[0]?.event.label

/** All that was acknowledged has been taken note of, when the newest frame left is this one. */
export const newestIs = (bus: Bus, partition: number, sequence: number): Promise<void> =>
  until(`the newest frame of ${partition} is ${sequence}`, async () => (await bus.lastSequence(partition)) === sequence)

export const offer = (job: string, id: string, priority = 5): Offer => ({ id, job, priority, jobs: [[`job:${id}`, 1]] })
export const offers = (job: string, name: string, count: number, priority = 5): Offer[] =>
  Array.from({ length: count }, (_, i) => offer(job, `${name}${i}`, priority))

export interface Taking {
  pull: WorkPull
  taken: TakenOffer[]
  ids(): string[]
}

export async function take(bus: Bus, job: string): Promise<Taking> {
  const taken: TakenOffer[] = []
  const pull = await bus.pull(job, (one) => void taken.push(one))
  return { pull, taken, ids: () => taken.map(({ id }) => id) }
}

/** Subjects and jobs of one test. */
let names = 0
export const unique = (name: string): string => `${name}${++names}`
