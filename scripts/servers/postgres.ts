import { existsSync, readFileSync } from 'node:fs'
import { appendFile, chown, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { aptInstall, debianMirror, isRoot } from './apt.ts'
import { cached, inCache } from './cache.ts'
import { freePort } from './ports.ts'
import { ServerProcess } from './process.ts'
import { run, which, works } from './run.ts'

const name = 'postgresql-18-documentdb'
const bin = '/usr/lib/postgresql/18/bin'
const mountPoint = '/srv/pgdata'

/** A Debian tree with PostgreSQL 18 and DocumentDB, and a database cluster ready to be copied. */
export interface Postgres {
  root: string
  template: string
}

export async function ensurePostgres(): Promise<Postgres> {
  const dir = inCache(name) ?? (await cached(name, build))
  return { root: join(dir, 'root'), template: join(dir, 'template') }
}

/** PostgreSQL runs in a tree of its own: that needs root and a mount namespace. Throws if one is missing. */
export async function checkRights(): Promise<void> {
  if (!isRoot()) throw new Error('PostgreSQL with DocumentDB runs in a system tree of its own, and that needs root')
  if (!(await works('unshare', ['--mount', '--ipc', 'true']))) {
    throw new Error('PostgreSQL with DocumentDB runs in a system tree of its own, and that needs mount namespaces (unshare --mount)')
  }
}

async function build(dir: string): Promise<void> {
  const root = join(dir, 'root')
  const mirror = await debianMirror()
  if (!(await which('mmdebstrap'))) await aptInstall('mmdebstrap')
  const packages = 'postgresql-18,postgresql-18-documentdb'
  const leaveOut = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'].map((path) => `--dpkgopt=path-exclude=${path}`)
  const fixed = ['--variant=apt', '--aptopt=Acquire::Check-Valid-Until "false"', `--include=${packages}`]
  // nobody else is to see what it mounts in the tree, least of all an rm -rf; and it ends with all that it started
  const alone = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc']
  await run('unshare', [...alone, 'mmdebstrap', '--quiet', ...fixed, ...leaveOut, 'forky', root, mirror])
  await rm(join(root, 'var/lib/postgresql/18/main'), { recursive: true, force: true })
  await mkdir(join(root, mountPoint), { recursive: true })

  const template = join(dir, 'template')
  await createCluster({ root, template })
  const log = join(dir, 'template.log')
  const port = await freePort()
  const server = await startPostgres({ root, template }, template, port, log)
  await psql({ root, template }, template, port, 'create extension documentdb cascade')
  // FerretDB builds indexes in the foreground: two jobs that look for work every two seconds have none
  await psql({ root, template }, template, port, `select cron.unschedule(jobid) from cron.job where jobname like 'documentdb_index_build%'`)
  await server.stop('SIGINT')
  await rm(log)
}

async function createCluster({ root, template }: Postgres): Promise<void> {
  const passwd = await readFile(join(root, 'etc/passwd'), 'utf8')
  const [, uid, gid] = /^postgres:[^:]*:(\d+):(\d+):/m.exec(passwd) ?? []
  await mkdir(template, { mode: 0o700 })
  await chown(template, Number(uid), Number(gid))
  await inside(root, template, [`${bin}/initdb`, '-U', 'postgres', '-A', 'trust', '--encoding=UTF8', '--locale=C.UTF-8', '-D', mountPoint])
  await appendFile(join(template, 'postgresql.conf'), settings)
}

/** What is committed stays (fsync): specs that kill and restart rely on it, and a bench must not gain by it. */
const settings = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
fsync = on
synchronous_commit = on
jit = off
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
cron.use_background_workers = on  # else its jobs connect to the port that the template had
cron.log_run = off
cron.log_statement = off
`

/**
 * The command line that runs `argv` as postgres inside the tree, with `data` at its mount point, and the
 * pid of which is that of `argv` itself. Mounts and shared memory live in namespaces of that process: they
 * end with it, several do not see each other, and outside nothing is ever mounted.
 */
function enter(root: string, data: string, argv: string[]): [string, string[]] {
  const script = `set -e
    mount --rbind /proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
    mount --bind "$2" "$1${mountPoint}"
    root=$1; shift 2; cd /
    exec chroot --userspec=postgres:postgres "$root" "$@"`
  return ['unshare', ['--mount', '--ipc', '--propagation', 'private', 'sh', '-c', script, 'sh', root, data, ...argv]]
}

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' }

const inside = (root: string, data: string, argv: string[]) => {
  const [command, args] = enter(root, data, argv)
  return run(command, args, { env })
}

/** A cluster's data folder: copied from the template if there is none yet. */
export async function clusterAt({ template }: Postgres, data: string): Promise<void> {
  if (!existsSync(join(data, 'PG_VERSION'))) await run('cp', ['-a', '--reflink=auto', '--no-target-directory', template, data])
}

export function startPostgres(
  { root }: Postgres,
  data: string,
  port: number,
  log: string,
  stopSignal: NodeJS.Signals = 'SIGINT',
): Promise<ServerProcess> {
  const [command, args] = enter(root, data, [`${bin}/postgres`, '-D', mountPoint, '-p', String(port)])
  // the last line of postmaster.pid, where pg_ctl looks as well
  const ready = () => {
    const path = join(data, 'postmaster.pid')
    if (!existsSync(path)) return false
    const [pid, , , at, , , , status] = readFileSync(path, 'utf8').split('\n')
    return Number(pid) > 0 && at === String(port) && status?.trim() === 'ready'
  }
  return ServerProcess.start({ name: 'PostgreSQL', command, args, env, log, ready, stopSignal })
}

const psql = ({ root }: Postgres, data: string, port: number, command: string) =>
  inside(root, data, [
    `${bin}/psql`,
    '-qX',
    '-v',
    'ON_ERROR_STOP=1',
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-U',
    'postgres',
    '-c',
    command,
  ])
