import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Context } from '../src/index.ts'

/** A line of the log, `key attempt run pid start|end`: what handlers did, seen from outside and not from states. */
export interface Started {
  key: string
  attempt: number
  run: number
  pid: number
  what: 'start' | 'end'
}

const logIn = (folder: string) => join(folder, 'starts.log')

/** Runs the work between two lines of the log. They are appended as a whole, and outlive the process that wrote them. */
export async function logged<T>(folder: string, ctx: Context, work: () => Promise<T>): Promise<T> {
  const append = (what: Started['what']) =>
    appendFileSync(logIn(folder), `${ctx.key ?? ctx.id} ${ctx.attempt} ${ctx.run} ${process.pid} ${what}\n`)
  mkdirSync(folder, { recursive: true })
  append('start')
  const result = await work()
  append('end')
  return result
}

export function readStarts(folder: string): Started[] {
  if (!existsSync(logIn(folder))) return []
  const lines = readFileSync(logIn(folder), 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => {
    const [key, attempt, run, pid, what] = line.split(' ')
    return { key: key!, attempt: Number(attempt), run: Number(run), pid: Number(pid), what: what as Started['what'] }
  })
}

/** Runs that were started and have no end, of one process if it is named. */
export function openStarts(starts: readonly Started[], pid?: number): Started[] {
  const same = (a: Started, b: Started) => a.key === b.key && a.run === b.run
  return starts.filter(
    (one) =>
      one.what === 'start' && (pid === undefined || one.pid === pid) && !starts.some((other) => other.what === 'end' && same(one, other)),
  )
}
