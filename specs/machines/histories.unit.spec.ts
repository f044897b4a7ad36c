import { readdirSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { assertReplays, type Recorded } from '../../src/testing/replay.ts'

/**
 * Histories that were recorded once, replayed for ever: what a machine decided for them is what it decides today. If one must change,
 * raise the machine's version, keep these with the old one, and say in the change log what stored actors will do.
 */
const test = suite('kept histories replay the same: R1 R6 E3 E4')
const folder = new URL('../histories/', import.meta.url)

const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
for (const file of files)
  test(file, () => {
    const recorded: Recorded = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
    assert.is(assertReplays(recorded).snapshots.length, recorded.history.length)
  })
test('there are some', () => assert.ok(files.length >= 10))

test.run()
