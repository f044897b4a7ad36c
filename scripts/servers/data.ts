import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { guard, quote } from './watchdog.ts'

export interface DataDir {
  readonly path: string
  /** True if the folder goes with the server, so that nothing in it is worth an orderly end. */
  readonly temporary: boolean
  remove(): void
}

/** The folder given, which stays; or a temporary one, which goes at the latest with this process. */
export function dataDir(kind: string, given?: string): DataDir {
  if (given) {
    mkdirSync(given, { recursive: true })
    return { path: resolve(given), temporary: false, remove: () => {} }
  }
  const path = mkdtempSync(join(tmpdir(), `stellwerk-${kind}-`))
  const release = guard(`rm -rf ${quote(path)}`)
  return {
    path,
    temporary: true,
    remove: () => {
      rmSync(path, { recursive: true, force: true, maxRetries: 5 })
      release()
    },
  }
}

/** An orderly end is for data that stays. */
export const endSignal = (data: DataDir): NodeJS.Signals => (data.temporary ? 'SIGKILL' : 'SIGTERM')
