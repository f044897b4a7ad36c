// The way in, without dependencies: installs what is missing, then runs the demo in this very process, so that `kill -9` of it is
// a kill of the demo and of nothing less.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { dependencies, engines } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
const needed = [...Object.keys(dependencies), 'pdf-lib', 'tsx', 'vega-datasets']

checkNode()
install(needed.filter((name) => !existsSync(`${root}node_modules/${name}/package.json`)))
const { register } = await import('tsx/esm/api')
register()
await import('./main.ts')

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(`Node ${engines.node} is needed; this is ${process.versions.node}.`)
  process.exit(1)
}

/** What the lockfile says if nothing is installed yet; else, or if npm says that the lockfile does not do, what is missing. */
function install(missing) {
  if (!missing.length) return
  console.log(`Not installed yet: ${missing.join(', ')}.`)
  const fresh = !existsSync(`${root}node_modules`) && existsSync(`${root}package-lock.json`)
  if ((fresh && npm('ci')) || npm('install', '--no-save')) return
  console.error(`npm could not install what the demo needs: ${missing.join(', ')}.`)
  process.exit(1)
}

/** Whether it went well. */
function npm(...command) {
  console.log(`Running npm ${command.join(' ')} …`)
  const args = [...command, '--include=dev', '--no-audit', '--no-fund']
  const options = { cwd: root, stdio: 'inherit' }
  const program = process.env.npm_execpath
  const { status } = program?.endsWith('.js')
    ? spawnSync(process.execPath, [program, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
  return status === 0
}
