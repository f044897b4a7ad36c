import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const beat = 2_000
const stale = 30_000

/**
 * Runs `work` while no other process holds the lock at `path`, a folder. The holder writes its pid into
 * it and touches it as long as it lives; a lock whose holder is gone, or has not touched it for half a
 * minute, is taken over.
 */
export async function locked<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  while (!(await take(path))) {
    if (await abandoned(path)) await discard(path)
    else await sleep(200)
  }
  const heart = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => {})
  }, beat)
  try {
    return await work()
  } finally {
    clearInterval(heart)
    await rm(path, { recursive: true, force: true })
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await mkdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  await writeFile(join(path, 'pid'), String(process.pid))
  return true
}

async function abandoned(path: string): Promise<boolean> {
  const touched = await stat(path).then(
    (s) => s.mtimeMs,
    () => undefined,
  )
  if (touched === undefined) return false // released meanwhile
  if (Date.now() - touched > stale) return true
  const pid = Number(await readFile(join(path, 'pid'), 'utf8').catch(() => '0'))
  return pid > 0 && !alive(pid)
}

/** Two may find the same lock abandoned: the one whose rename succeeds has taken it away; it might be a new one by then. */
async function discard(path: string): Promise<void> {
  const aside = `${path}.stale-${process.pid}`
  try {
    await rename(path, aside)
  } catch {
    return
  }
  if (!(await abandoned(aside))) await rename(aside, path).catch(() => {})
  await rm(aside, { recursive: true, force: true })
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
