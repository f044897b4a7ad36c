import { existsSync } from 'node:fs'
import { mkdir, readdir, rename } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { locked } from './lock.ts'
import { run, step } from './run.ts'
import { guard, quote } from './watchdog.ts'

/** What is built stays here, outside of the work tree, so that a second run needs neither time nor network. */
export function cacheDir(): string {
  const { STELLWERK_CACHE, XDG_CACHE_HOME } = process.env
  return STELLWERK_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'stellwerk')
}

/** The folder of something built earlier, if it is there. */
export function inCache(name: string): string | undefined {
  const path = join(cacheDir(), name)
  return existsSync(path) ? path : undefined
}

/**
 * The folder `name` in the cache, built if it is missing. Built beside and renamed when finished, so what
 * has the name is whole; only one process builds it, others wait for it.
 */
export async function cached(name: string, build: (dir: string) => Promise<void>): Promise<string> {
  const found = inCache(name)
  if (found) return found
  const path = join(cacheDir(), name)
  return await locked(`${path}.lock`, async () => {
    if (existsSync(path)) return path // built while we waited
    for (const left of await readdir(cacheDir())) {
      if (left.startsWith(`${name}.part-`)) await remove(join(cacheDir(), left))
    }
    const part = `${path}.part-${process.pid}`
    const release = guard(`rm -rf --one-file-system ${quote(part)} ${quote(`${path}.lock`)}`)
    try {
      await mkdir(part)
      await step(`building ${name}`, () => build(part))
      await rename(part, path)
    } catch (error) {
      await remove(part).catch(() => {})
      throw error
    } finally {
      release()
    }
    return path
  })
}

/** A half-built system tree may have things mounted in it: never follow them. */
const remove = (path: string) => run('rm', ['-rf', '--one-file-system', path])
