import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * What is measured runs as users run it, compiled: a loader that compiles on the fly adds a call to every closure that is made.
 * It is also a copy, so that edits during a run have no effect on it.
 */
export async function compile(): Promise<{ entry: string; folder: string; remove(): Promise<void> }> {
  const repo = fileURLToPath(new URL('..', import.meta.url))
  const folder = await mkdtemp(join(tmpdir(), 'stellwerk-bench-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  await symlink(join(repo, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  const tsc = join(repo, 'node_modules/.bin/tsc')
  await promisify(execFile)(tsc, ['-p', join(repo, 'bench/tsconfig.json'), '--outDir', folder]).catch(
    async (error: { stdout?: string }) => {
      await remove()
      throw new Error(`the bench does not compile:\n${error.stdout}`)
    },
  )
  return { entry: join(folder, 'bench/side-process.js'), folder, remove }
}
