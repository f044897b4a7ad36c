import { randomBytes } from 'node:crypto'
import { access, constants, link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UnavailableError } from '../errors.ts'
import { type Doorbell, listenAt, ringAt, type Sockets, socketsIn } from './folder/sockets.ts'

/**
 * One process at a time in a folder. The others wait, and the kernel tells them when the holder has ended, however it ended:
 * each is connected to a socket that the holder listens on, and the connection closes with the process. Nothing is polled.
 *
 * Who holds it is written down in files `turn.1`, `turn.2`, …, each naming a socket. At most one holds it, for three reasons:
 * a turn is made by hard link, which succeeds for one only, and when its socket already listens; turn n + 1 is made only by who found
 * that n is the highest and its socket dead, which is for ever; the highest is never removed. So none but the highest can be alive.
 *
 * The folder must be on a disk of this machine: processes of another one cannot be heard.
 */
export async function lockFolder(folder: string, { onWait }: { onWait?: (message: string) => void } = {}): Promise<() => Promise<void>> {
  const sockets = await enter(folder)
  try {
    return await takeWhenFree(folder, sockets, onWait)
  } catch (error) {
    await sockets.close()
    throw unusable(folder, error)
  }
}

async function takeWhenFree(folder: string, sockets: Sockets, onWait?: (message: string) => void): Promise<() => Promise<void>> {
  let told = 0
  for (;;) {
    const last = await lastTurn(sockets.folder)
    const holder = await holderOf(sockets, last)
    if (!holder) {
      const bell = await takeTurn(sockets, last + 1)
      if (bell) return releaseOf(bell, sockets)
      continue
    }
    const who =
      holder.pid === process.pid ? 'another host of this very process. Waiting until that' : `process ${holder.pid}. Waiting until it`
    if (told !== last) onWait?.(`${folder} is in use by ${who} has ended.`)
    told = last
    await holder.ended
  }
}

async function enter(folder: string): Promise<Sockets> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
  } catch (error) {
    throw unusable(folder, error)
  }
  return socketsIn(folder)
}

const unusable = (folder: string, error: unknown) =>
  new UnavailableError(`The folder ${folder} cannot be used: ${(error as Error).message}`, { cause: error })

const turnName = (turn: number) => `turn.${turn}`
const turnIn = (name: string): number => Number(/^turn\.(\d+)$/.exec(name)?.[1] ?? 0)
const lastTurn = async (folder: string): Promise<number> => Math.max(0, ...(await readdir(folder)).map(turnIn))

/** The process whose turn it is; undefined if that is over. */
async function holderOf(sockets: Sockets, turn: number): Promise<{ pid: number; ended: Promise<void> } | undefined> {
  const written = await readFile(join(sockets.folder, turnName(turn)), 'utf8').catch(() => '')
  const [, pid, socket] = /^(\d+) (\S+)$/.exec(written) ?? []
  const ended = socket && (await ringAt(sockets.path(socket)))
  return ended ? { pid: Number(pid), ended: ended.closed } : undefined
}

/** undefined if somebody else was first. */
async function takeTurn(sockets: Sockets, turn: number): Promise<Doorbell | undefined> {
  const { folder, path } = sockets
  const name = `turn-${randomBytes(8).toString('hex')}`
  const bell = await listenAt(path(`${name}.socket`))
  const made = await makeTurn(folder, turn, name).catch(async (error) => {
    await bell.close()
    throw error
  })
  if (made && (await lastTurn(folder)) === turn) {
    await tidy(folder, turn, name)
    return bell
  }
  await bell.close()
  if (made) await rm(join(folder, turnName(turn)), { force: true })
  return undefined
}

async function makeTurn(folder: string, turn: number, name: string): Promise<boolean> {
  const draft = join(folder, `${name}.draft`)
  try {
    await writeFile(draft, `${process.pid} ${name}.socket`)
    await link(draft, join(folder, turnName(turn)))
    return true
  } catch (error) {
    // Made by another; or the draft was tidied away, since there is a later turn.
    if (['EEXIST', 'ENOENT'].includes(String((error as NodeJS.ErrnoException).code))) return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** What others left behind. Whoever is still busy with it aims at this turn or an earlier one, and will give up. */
async function tidy(folder: string, turn: number, name: string): Promise<void> {
  const isLeft = (file: string) =>
    (turnIn(file) > 0 && turnIn(file) < turn - 1) || (/^turn-.*\.(socket|draft)$/.test(file) && !file.startsWith(name))
  for (const file of await readdir(folder)) if (isLeft(file)) await rm(join(folder, file), { force: true })
}

function releaseOf(bell: Doorbell, sockets: Sockets): () => Promise<void> {
  let released: Promise<void> | undefined
  return () => (released ??= bell.close().then(sockets.close))
}
