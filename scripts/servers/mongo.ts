import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DataDir, dataDir, endSignal } from './data.ts'
import { ensureFerretBinary, ferretVersion } from './ferretdb.ts'
import { owned } from './owned.ts'
import { answers, freePort } from './ports.ts'
import { checkRights, clusterAt, ensurePostgres, type Postgres, startPostgres } from './postgres.ts'
import { ServerProcess } from './process.ts'
import type { RunningServer, StartOptions } from './server.ts'

/**
 * What serves MongoDB's protocol where there is no MongoDB: FerretDB over PostgreSQL with DocumentDB.
 * No transactions and no change streams; the product needs neither.
 */
export interface Ferret {
  binary: string
  postgres: Postgres
}

export async function ensureFerret(): Promise<Ferret> {
  await checkRights() // before minutes are spent
  // both at once: one compiles, the other unpacks
  const [binary, postgres] = await Promise.allSettled([ensureFerretBinary(), ensurePostgres()])
  if (binary.status === 'rejected') throw binary.reason
  if (postgres.status === 'rejected') throw postgres.reason
  return { binary: binary.value, postgres: postgres.value }
}

/** A PostgreSQL cluster and a FerretDB of its own, on loopback: nothing is shared with any other start. */
export async function startMongo(options: StartOptions = {}): Promise<RunningServer> {
  const ferret = await ensureFerret()
  const data = dataDir('mongo', options.dir)
  let postgres: ServerProcess | undefined
  let front: ServerProcess | undefined
  const stop = async () => {
    await front?.stop()
    await postgres?.stop()
    data.remove()
  }
  try {
    const port = options.port ?? (await freePort())
    const postgresPort = await freePort()
    postgres = await postgresIn(data, ferret.postgres, postgresPort)
    front = await ferretIn(data, ferret.binary, port, postgresPort)
    return owned(front, `mongodb://127.0.0.1:${port}`, `FerretDB ${ferretVersion} on PostgreSQL 18`, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function postgresIn(data: DataDir, postgres: Postgres, port: number): Promise<ServerProcess> {
  const cluster = join(data.path, 'postgres')
  await clusterAt(postgres, cluster)
  // SIGQUIT ends at once, to be recovered at the next start; SIGINT writes everything down first
  return await startPostgres(postgres, cluster, port, join(data.path, 'postgres.log'), data.temporary ? 'SIGQUIT' : 'SIGINT')
}

async function ferretIn(data: DataDir, binary: string, port: number, postgresPort: number): Promise<ServerProcess> {
  const state = join(data.path, 'ferretdb')
  await mkdir(state, { recursive: true })
  return await ServerProcess.start({
    name: 'FerretDB',
    command: binary,
    args: [
      `--postgresql-url=postgres://postgres@127.0.0.1:${postgresPort}/postgres`,
      `--listen-addr=127.0.0.1:${port}`,
      `--state-dir=${state}`,
      '--no-auth',
      '--telemetry=disable',
      '--debug-addr=-',
      '--log-level=ERROR', // it has a line for every command otherwise
    ],
    log: join(data.path, 'ferretdb.log'),
    ready: () => answers(port),
    stopSignal: endSignal(data),
  })
}
