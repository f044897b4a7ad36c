import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { built } from './support/built.ts'

const test = suite('a folder that cannot be written for a while: E9 [embedded]')
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-full-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

test('its host says so, waits, and goes on when there is room: nothing lost, nothing twice', async () => {
  const program = await built(join(import.meta.dirname, 'support/full-disk.ts'))
  // A limit on the size of files that can be raised from outside does what a full disk does.
  const command = `ulimit -S -f 2048; trap '' XFSZ; exec "$0" "$@"`
  const child = spawn('bash', ['-c', command, process.execPath, program.file, folder], { stdio: ['ignore', 'pipe', 'ignore'] })
  const exited = new Promise((done) => child.once('exit', done))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async () => (await lines.next()).value as string
  try {
    assert.is(await next(), 'full')
    const { ended, lines: logged, asked, said } = JSON.parse(await next())
    assert.ok(ended < 60, `${ended} have ended in too little room`)
    assert.ok(logged < 100, `${logged} lines in a few seconds`)
    assert.match(said, /could not be written.*Is its disk full\?/)
    assert.match(asked, /succeeded|UNAVAILABLE/)
    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited'])
    assert.equal(JSON.parse(await next()), { ended: 60, twice: 0 })
    assert.is(await exited, 0)
  } finally {
    child.kill('SIGKILL')
    program.remove()
  }
})
test.run()
