import { once } from 'node:events'
import { Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EndingConnection } from '../src/store/mongo/connection.ts'

const test = suite('connections to MongoDB: E9')
const options = { id: 1, generation: 0, hostAddress: 'h:1' }

test('who waits to write while a connection is closed may go on, and find that it is', async () => {
  const socket = new Socket()
  new EndingConnection(socket, options)
  const waited = once(socket, 'drain')
  socket.destroy()
  await waited
  assert.ok(socket.closed)
})

test('who begins to wait after that, since compressing took time, too', async () => {
  const socket = new Socket()
  new EndingConnection(socket, options)
  socket.destroy()
  await once(socket, 'close')
  await new Promise((done) => setImmediate(done))
  await once(socket, 'drain')
})

test.run()
