import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export interface Built {
  /** The program, as JavaScript. */
  readonly file: string
  remove(): void
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Compiles a program of the specs, with all that it imports. Where processes are started again and again this is cheaper than a loader
 * in each of them; and none of them sees an edit that is made meanwhile.
 */
export async function built(source: string): Promise<Built> {
  const folder = mkdtempSync(join(tmpdir(), 'stellwerk-built-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { noEmit: false, rootDir: root, outDir: folder },
    files: [source, join(root, 'src/bus/nats/heart-thread.ts')],
    include: [],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  // What it has to say of types is said elsewhere: it writes the program all the same.
  await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(() => {})
  return {
    file: join(folder, relative(root, source)).replace(/\.ts$/, '.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
