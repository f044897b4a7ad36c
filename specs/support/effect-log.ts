import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Effect } from './effects.ts'

/** A line of the log: `job run attempt what pid at`. */
export interface LoggedEffect extends Effect {
  pid: number
  /** Wall clock, ms. */
  at: number
}

/** One file for all host processes: a line is appended as a whole, and one that was written survives the death of its writer. */
export interface EffectLog {
  readonly file: string
  read(): LoggedEffect[]
  /** Runs whose handler started in this process and has not ended. */
  open(pid: number): LoggedEffect[]
  remove(): void
}

export function effectLog(): EffectLog {
  const folder = mkdtempSync(join(tmpdir(), 'stellwerk-effects-'))
  const file = join(folder, 'effects.log')
  const read = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map(parse) : [])
  return {
    file,
    read,
    open(pid) {
      const open = new Map<string, LoggedEffect>()
      for (const effect of read()) {
        if (effect.pid !== pid) continue
        if (effect.what === 'start') open.set(`${effect.job} ${effect.run}`, effect)
        else open.delete(`${effect.job} ${effect.run}`)
      }
      return [...open.values()]
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export function appendEffect(file: string, what: Effect['what'], { id, run, attempt }: { id: string; run: number; attempt: number }): void {
  appendFileSync(file, `${id} ${run} ${attempt} ${what} ${process.pid} ${Date.now()}\n`)
}

function parse(line: string): LoggedEffect {
  const [job, run, attempt, what, pid, at] = line.split(' ')
  return {
    job: job!,
    run: Number(run),
    attempt: Number(attempt),
    what: what as Effect['what'],
    where: pid!,
    pid: Number(pid),
    at: Number(at),
  }
}
