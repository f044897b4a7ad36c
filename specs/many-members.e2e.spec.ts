import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { built } from './support/built.ts'
import { sizesInFolder } from './support/stored-sizes.ts'

const test = suite('100,000 members in one group: E1 [embedded]')
let figure = ''
process.on('exit', () => console.log(figure))
const folder = mkdtempSync(join(tmpdir(), 'stellwerk-many-'))

test('all finish; what is kept in memory and the largest document hardly grow', async () => {
  const program = await built(join(import.meta.dirname, 'support/many-members.ts'))
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program.file, folder, '10000', '100000'])
    const [ten, hundred] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { size: number; counted: number; bytes: number })
    assert.equal([ten!.counted, hundred!.counted], [10_000, 100_000])
    const { bytes: largest } = (await sizesInFolder(folder)).largest
    const ratio = hundred!.bytes / ten!.bytes
    const mb = ({ bytes }: { bytes: number }) => `${(bytes / 1e6).toFixed(0)} MB`
    figure = `# kept in memory after 10,000: ${mb(ten!)}, after 100,000: ${mb(hundred!)}; largest document ${(largest / 1024).toFixed(0)} KB`
    assert.ok(ratio <= 1.3, `${ratio}`)
    assert.ok(largest <= 256 * 1024, `${largest}`)
  } finally {
    program.remove()
  }
})

test.after(() => rmSync(folder, { recursive: true, force: true }))
test.run()
