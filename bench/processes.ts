import { readdirSync, readFileSync } from 'node:fs'

/** ms of CPU per tick of /proc; Linux says 100 ticks a second to programs. */
const tick = 10

/** CPU time that this process's descendants have used so far, ms, by the name of their program. Empty where there is no /proc. */
export function cpuByProgram(): Record<string, number> {
  const all = new Map<number, { name: string; parent: number; ms: number }>()
  for (const entry of list('/proc')) {
    if (/^\d+$/.test(entry)) {
      const found = read(Number(entry))
      if (found) all.set(Number(entry), found)
    }
  }
  const ours = (pid: number): boolean => pid === process.pid || (pid > 1 && ours(all.get(pid)?.parent ?? 0))
  const used: Record<string, number> = {}
  for (const [pid, { name, ms }] of all) if (pid !== process.pid && ours(pid)) used[name] = (used[name] ?? 0) + ms
  return used
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function read(pid: number) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'))
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15).map(Number)
    return { name, parent: Number(fields[1]), ms: (user + system + childUser + childSystem) * tick }
  } catch {
    return undefined // it has ended
  }
}
