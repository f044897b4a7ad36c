import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mutations, specFile } from './mutations.ts'

/** The table of rules that can be switched off keeps up with the code: trying them all takes an hour, this takes none. */
const test = suite('the table of rules')
const root = join(import.meta.dirname, '../..')
const texts = new Map<string, string>()
const read = (path: string): string => {
  if (!texts.has(path)) texts.set(path, readFileSync(join(root, path), 'utf8'))
  return texts.get(path)!
}

test('what each of them replaces is there, once', () => {
  const wrong = mutations.flatMap(({ rule, edits }) =>
    edits.filter(({ file, find }) => read(file).split(find).length !== 2).map(({ file, find }) => `${rule}: ${file}: ${find}`),
  )
  assert.equal(wrong, [])
})

test('each has a spec that is there', () => {
  const wrong = mutations.filter(({ specs }) => !specs.length || !specs.every((spec) => existsSync(join(root, specFile(spec)))))
  assert.equal(
    wrong.map(({ rule }) => rule),
    [],
  )
})

test('each has a name of its own', () => {
  const names = mutations.map(({ rule }) => rule)
  assert.equal(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  )
})

test.run()
