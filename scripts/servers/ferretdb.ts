import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, inCache } from './cache.ts'
import { run } from './run.ts'

export const ferretVersion = '2.7.0'

const name = `ferretdb-${ferretVersion}`
const module = 'github.com/FerretDB/FerretDB/v2'

/** The FerretDB binary: MongoDB's protocol over PostgreSQL with the DocumentDB extension. */
export async function ensureFerretBinary(): Promise<string> {
  return join(inCache(name) ?? (await cached(name, build)), 'ferretdb')
}

/**
 * `go install` is not enough: FerretDB takes its version from a file that the module does not ship, and
 * panics at start without it. So its source is vendored, the file written, and that is built.
 */
async function build(dir: string): Promise<void> {
  const source = join(dir, 'source')
  const env = { GOFLAGS: undefined, GOWORK: 'off', CGO_ENABLED: '0' }
  const go = (...args: string[]) => run('go', args, { cwd: source, env })
  await mkdir(source)
  await writeFile(join(source, 'go.mod'), `module stellwerk.local/ferretdb\n\ngo 1.24\n\nrequire ${module} v${ferretVersion}\n`)
  await writeFile(join(source, 'tools.go'), `//go:build tools\n\npackage tools\n\nimport _ "${module}/cmd/ferretdb"\n`)
  await go('mod', 'tidy', '-e')
  await go('mod', 'vendor')
  await writeFile(join(source, 'vendor', module, 'build/version/version.txt'), `v${ferretVersion}`)
  await go('build', '-mod=vendor', '-trimpath', '-ldflags=-s -w', '-o', join(dir, 'ferretdb'), `${module}/cmd/ferretdb`)
  await rm(source, { recursive: true })
}
