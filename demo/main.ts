import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isStellwerkError } from '../src/index.ts'
import { runCluster } from './cluster.ts'
import { runEmbedded } from './embedded.ts'

const usage = `npm run demo                      48 monthly reports and one book of them; no servers
npm run demo -- --cluster         the same on 4 hosts, NATS and MongoDB; one host is killed in the middle

  --fresh        forget what was done (without --cluster: with it, every start is fresh)
  --out FOLDER   default out/demo, with --cluster out/demo-cluster
  --pace MS      what each month takes beyond its work, so that there is time to kill; default 300
  --slots N      months at once in one host; default 2`

/** Set by a flag, or as here. */
export interface DemoOptions {
  folder: string
  /** ms that each month takes beyond its work. */
  pace: number
  /** Handlers at once in one host. */
  slots: number
}

const root = fileURLToPath(new URL('..', import.meta.url))

function options() {
  const { values } = parseArgs({
    options: {
      cluster: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      out: { type: 'string' },
      pace: { type: 'string', default: '300' },
      slots: { type: 'string', default: '2' },
    },
  })
  const { cluster, fresh, help, out, pace, slots } = values
  const folder = out === undefined ? join(root, 'out', cluster ? 'demo-cluster' : 'demo') : resolve(out)
  return { cluster, fresh, help, folder, pace: whole('pace', pace, 0), slots: whole('slots', slots, 1) }
}

function whole(flag: string, text: string, least: number): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= least) return number
  throw new Error(`--${flag} ${text}: must be a whole number, ${least} or more`)
}

async function main(): Promise<number> {
  const { help, cluster, fresh, ...rest } = options()
  if (help) {
    console.log(usage)
    return 0
  }
  return cluster ? runCluster(rest) : runEmbedded({ ...rest, fresh })
}

try {
  process.exitCode = await main()
  // What was only begun when the interrupt came (a server that starts, say) is not waited for.
  if (process.exitCode === 130) process.exit()
} catch (error) {
  console.error(isStellwerkError(error) ? `${error.code}: ${error.message}` : error instanceof Error ? error.message : error)
  process.exitCode = 1
}
