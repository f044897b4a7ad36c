import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { aptInstall, isRoot } from './apt.ts'
import { dataDir, endSignal } from './data.ts'
import { owned } from './owned.ts'
import { answers, freePort } from './ports.ts'
import { ServerProcess } from './process.ts'
import { run, which, works } from './run.ts'
import type { RunningServer, StartOptions } from './server.ts'

/** Only the bench needs Redis, for comparison: undefined means that the comparison is left out. */
export async function ensureRedis(): Promise<string | undefined> {
  const installed = await which('redis-server')
  if (installed) return installed
  const mayInstall = process.env.STELLWERK_INSTALL === '1' || process.env.CI === 'true'
  if (!mayInstall || !isRoot() || !(await which('apt-get'))) return undefined
  await withoutServices(() => aptInstall('redis-server'))
  // where there is an init system, not at the next boot either
  if (existsSync('/run/systemd/system')) await works('systemctl', ['disable', '--now', 'redis-server'])
  return await which('redis-server')
}

/** Debian starts what it installs, unless this file says no. */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  const policy = '/usr/sbin/policy-rc.d'
  const ours = !existsSync(policy)
  if (ours) await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await install()
  } finally {
    if (ours) await rm(policy, { force: true })
  }
}

/** A Redis on loopback whose only persistence is the append-only file, flushed as said. */
export async function startRedis(options: StartOptions & { appendfsync: 'always' | 'everysec' }): Promise<RunningServer> {
  const binary = await ensureRedis()
  if (!binary) throw new Error('no redis-server on PATH; with STELLWERK_INSTALL=1 and as root it is installed')
  const port = options.port ?? (await freePort())
  const data = dataDir('redis', options.dir)
  const settings: Record<string, string> = {
    port: String(port),
    bind: '127.0.0.1',
    dir: data.path,
    appendonly: 'yes',
    appendfsync: options.appendfsync,
    save: '',
    daemonize: 'no',
  }
  const server = await ServerProcess.start({
    name: 'redis-server',
    command: binary,
    args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
    log: `${data.path}/redis.log`,
    ready: () => answers(port, /^\+PONG/, 'PING\r\n'),
    stopSignal: endSignal(data),
  }).catch((error) => {
    data.remove()
    throw error
  })
  const stop = async () => {
    await server.stop()
    data.remove()
  }
  const [, version = '?'] = /v=(\S+)/.exec(await run(binary, ['--version'])) ?? []
  return owned(server, `redis://127.0.0.1:${port}`, `Redis ${version}, appendfsync ${options.appendfsync}`, stop)
}
