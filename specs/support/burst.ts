import * as assert from 'uvu/assert'
import { defineJob } from '../../src/definition.ts'
import { createHost } from '../../src/host/host.ts'
import type { HostOptions } from '../../src/host/host-options.ts'

/** 2000 short jobs at once, on a host that is alone: so many writes each at most; a cancel behind the next 2000 is answered before so many have begun. Answers how, and the state then. */
export async function burstIsHeldBack(
  on: HostOptions['on'],
  most: { writes: number; started: number },
): Promise<{ refused?: string; state: string }> {
  const quick = defineJob({ name: 'quick' })
  let started = 0
  await using host = await createHost({ on, slots: 100, handlers: [quick.handler(async () => void started++)] })
  await host.client.submit(quick, undefined, { id: 'first' }).then((job) => job.result())
  const burst = (name: string) =>
    Promise.all(Array.from({ length: 2000 }, (_, i) => host.client.submit(quick, undefined, { id: `${name}${i}` })))
  const before = host.counts.writes
  const jobs = await burst('a')
  await Promise.all(jobs.map((job) => job.result()))
  const writes = (host.counts.writes - before) / jobs.length
  assert.ok(writes < most.writes, `${writes} writes a job`)

  const more = burst('b')
  // All of them are said; none is taken in.
  for (let i = 0; i < 100; i++) await undefined
  const last = host.client.job('b1999')
  started = 0
  const refused = await last.cancel().then(
    () => undefined,
    ({ code }) => code,
  )
  assert.ok(started < most.started, `${started} began before it was answered`)
  const { state } = await last.view()
  await Promise.all((await more).slice(0, -1).map((job) => job.result()))
  return { refused, state }
}
