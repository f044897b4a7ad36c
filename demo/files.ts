import { open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The file is there as a whole or not at all, whatever kills the process: so writing it again is harmless, and nobody ever reads
 * half of it. Each run has a draft of its own: a late one cannot spoil that of its successor.
 */
export async function writeWhole(file: string, content: Uint8Array, run: number): Promise<void> {
  const draft = `${file}.${run}.draft`
  const handle = await open(draft, 'w')
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, file)
}

/** Drafts of runs that were killed. */
export async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) if (name.endsWith('.draft')) await rm(join(folder, name), { force: true })
}
