import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Mutation, mutations, specFile, specName } from './mutations.ts'

/**
 * Proof that the specs of the rules see what they are for: each rule is switched off in a copy of the source, and its specs must fail.
 * `npx tsx specs/rules/mutate.ts [part of a rule's name …]`. No part of the test run.
 */
const root = join(import.meta.dirname, '../..')
/** A rule that ends waits may leave a spec that never ends: that is seen as well. */
const limit = 120_000

const wanted = process.argv.slice(2)
const chosen = mutations.filter(({ rule }) => !wanted.length || wanted.some((part) => rule.includes(part)))
const copy = await mkdtemp(join(tmpdir(), 'stellwerk-mutate-'))
let bad = 0
try {
  for (const part of ['src', 'actors', 'specs', 'scripts', 'nats.conf', 'package.json', 'tsconfig.json'])
    await cp(join(root, part), join(copy, part), { recursive: true })
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  await checkGreen()
  const width = Math.max(...chosen.map(({ rule }) => rule.length))
  console.log(`${'rule switched off'.padEnd(width)}  red  spec`)
  for (const mutation of chosen) for (const [spec, red] of await tryOne(mutation)) tell(mutation.rule.padEnd(width), spec, red)
} finally {
  await rm(copy, { recursive: true, force: true })
}
console.log(`${chosen.length} rules, ${bad} specs that did not see theirs switched off`)
process.exitCode = bad ? 1 : 0

function tell(rule: string, spec: string, red: boolean): void {
  if (!red) bad++
  console.log(`${rule}  ${red ? 'yes' : 'NO '}  ${spec}`)
}

/** With all rules on nothing is red: otherwise the table would say nothing. */
async function checkGreen(): Promise<void> {
  for (const file of new Set(chosen.flatMap(({ specs }) => specs.map(specFile)))) {
    const { failed, ended } = await run(file)
    if (!ended || failed.length) throw new Error(`${file} is red with all rules on: ${failed.join(', ') || 'it does not end'}`)
  }
}

async function tryOne({ rule, edits, specs }: Mutation): Promise<[spec: string, red: boolean][]> {
  const before = new Map<string, string>()
  for (const { file, find, replace } of edits) {
    const path = join(copy, file)
    const text = await readFile(path, 'utf8')
    if (!before.has(path)) before.set(path, text)
    if (text.split(find).length !== 2) throw new Error(`${rule}: ${file} has ${text.split(find).length - 1} times: ${find}`)
    await writeFile(
      path,
      text.replace(find, () => replace),
    )
  }
  const results: [string, boolean][] = []
  for (const file of new Set(specs.map(specFile))) {
    const { failed, ended } = await run(file)
    for (const spec of specs) {
      if (specFile(spec) === file) results.push([spec, !ended || failed.some((one) => one.startsWith(specName(spec)))])
    }
  }
  for (const [path, text] of before) await writeFile(path, text)
  return results
}

/** Names of the tests that failed; `ended`: all of them were run. */
function run(file: string): Promise<{ failed: string[]; ended: boolean }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['--import', 'tsx', file], { cwd: copy, env: { ...process.env, NO_COLOR: '1' } })
    let output = ''
    child.stdout.on('data', (data) => (output += data))
    child.stderr.on('data', (data) => (output += data))
    const watch = setTimeout(() => child.kill('SIGKILL'), limit)
    child.on('close', () => {
      clearTimeout(watch)
      const failed = [...output.matchAll(/^ +FAIL .*?"(.*)"$/gm)].map((match) => match[1]!)
      done({ failed, ended: /Total: +\d+/.test(output) })
    })
  })
}
