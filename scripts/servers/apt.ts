import { readdir, readFile } from 'node:fs/promises'
import { run, step } from './run.ts'

const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, outlives: true }

export const isRoot = (): boolean => process.getuid?.() === 0

/** Installs Debian packages, with fresh lists. */
export async function aptInstall(...packages: string[]): Promise<void> {
  if (!isRoot()) throw new Error(`${packages.join(', ')} missing: install with apt-get, or run as root`)
  await step(`apt-get install ${packages.join(' ')}`, async () => {
    const failed = await run('apt-get', ['update'], options).then(
      () => undefined,
      (error: Error) => error,
    )
    await run('apt-get', ['install', '-y', '-o', 'DPkg::Lock::Timeout=120', '--no-install-recommends', ...packages], options).catch(
      (error) => {
        throw failed ?? error // without lists, 'no such package' is not the reason
      },
    )
  })
}

/** The mirror that this machine's own apt uses for Debian itself. */
export async function debianMirror(): Promise<string> {
  const dir = '/etc/apt/sources.list.d'
  const files = (await readdir(dir).catch(() => [])).sort().map((name) => `${dir}/${name}`)
  for (const file of ['/etc/apt/sources.list', ...files]) {
    const text = await readFile(file, 'utf8').catch(() => '')
    const mirror = file.endsWith('.sources') ? fromDeb822(text) : fromLines(text)
    if (mirror) return mirror
  }
  throw new Error("no Debian mirror in this machine's apt sources")
}

const isDebian = (uri: string) => /^(https?|file|copy):\S*\/debian\/?$/.test(uri)

/** `deb [options] URI suite component...` */
function fromLines(text: string): string | undefined {
  for (const [, uri] of text.matchAll(/^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s/gm)) {
    if (uri && isDebian(uri)) return uri
  }
  return undefined
}

/** Paragraphs of `URIs: a b`. */
function fromDeb822(text: string): string | undefined {
  for (const [, uris] of text.matchAll(/^URIs:\s*(.+)$/gim)) {
    const found = uris?.trim().split(/\s+/).find(isDebian)
    if (found) return found
  }
  return undefined
}
