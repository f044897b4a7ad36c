import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { lockFolder } from '../../../src/store/folder-lock.ts'
import { type Child, startChild } from './child.ts'
import { newFolder } from './factories.ts'
import { upTo } from './world.ts'

export function lockSpecs(): void {
  const test = suite<{ folder: string; children: Child[] }>('lock of a folder')
  test.before.each(async (context) => {
    context.folder = await newFolder()
    context.children = []
  })
  test.after.each(async ({ folder, children }) => {
    await Promise.all(children.map((child) => child.crash()))
    await rm(folder, { recursive: true })
  })

  test('a second process says that it waits, and takes over when the first has crashed', async ({ folder, children }) => {
    const first = startChild(['hold', folder])
    await first.line('holds')
    const second = startChild(['hold', folder])
    children.push(first, second)
    const message = await second.line('waits')
    assert.ok(message.includes(folder) && message.includes(`process ${first.process.pid}`), message)
    assert.is(second.lines.length, 1)
    await first.crash()
    await second.line('holds')
  })

  test('and when the first has released it', async ({ folder, children }) => {
    const first = startChild(['hold', folder])
    await first.line('holds')
    const second = startChild(['hold', folder])
    children.push(first, second)
    await second.line('waits')
    first.process.stdin!.end()
    await first.line('released')
    assert.is(await first.ended, 0)
    await second.line('holds')
  })

  test('of processes that race, one holds it at a time, through crash after crash', async ({ folder, children }) => {
    children.push(...upTo(3).map(() => startChild(['hold', folder])))
    const left = new Set(children)
    while (left.size > 0) {
      const holder = await Promise.any([...left].map((child) => child.line('holds').then(() => child)))
      const others = [...left].filter((child) => child !== holder)
      await Promise.all(others.map((child) => child.line(`waits ${folder} is in use by process ${holder.process.pid}`)))
      assert.ok(others.every((child) => !child.lines.some((line) => line.startsWith('holds'))))
      await holder.crash()
      left.delete(holder)
    }
  })

  test('taken and released many times by many, nobody meets another inside', async ({ folder, children }) => {
    children.push(...upTo(3).map(() => startChild(['contend', folder, '15'])))
    await Promise.all(children.map((child) => child.line('contended')))
    assert.equal(await Promise.all(children.map((child) => child.ended)), [0, 0, 0])
  })

  test('whom another one of the same process waits for is said', async ({ folder }) => {
    const release = await lockFolder(folder)
    let other: Promise<() => Promise<void>> | undefined
    const said = await new Promise<string>((onWait) => {
      other = lockFolder(folder, { onWait })
    })
    assert.match(said, / is in use by another host of this very process/)
    await release()
    await (await other!)()
  })

  test('leaves little behind', async ({ folder }) => {
    for (const _ of upTo(5)) await (await lockFolder(folder))()
    assert.ok((await readdir(folder)).length <= 3)
  })

  test('holds in a folder with a long path too', async ({ folder, children }) => {
    const deep = join(folder, 'x'.repeat(120))
    await mkdir(deep)
    const first = startChild(['hold', deep])
    await first.line('holds')
    const second = startChild(['hold', deep])
    children.push(first, second)
    await second.line('waits')
    await first.crash()
    await second.line('holds')
  })

  test('a file is no folder, and is told so', async ({ folder }) => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    for (const path of [file, join(file, 'in')]) {
      const error = await lockFolder(path).catch((thrown) => thrown)
      assert.is(error.code, 'UNAVAILABLE')
      assert.ok(error.message.startsWith(`The folder ${path} cannot be used: `), error.message)
    }
  })

  test('a process that holds it can end by itself', async ({ folder, children }) => {
    const child = startChild(['contend', folder, '1'])
    children.push(child)
    assert.is(await child.ended, 0)
  })

  test.run()
}
