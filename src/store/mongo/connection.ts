import type { Socket } from 'node:net'
// @ts-expect-error: internal to the driver, and without types. So its version is fixed to 7.9; whether this is needed still, the table of rules shows.
import { Connection } from 'mongodb/lib/cmap/connection.js'

const DriversConnection = Connection as new (socket: Socket, options: object) => object

/**
 * The driver's connection (7.9) waits for ever, for 'drain', if it writes while its socket is being closed: as happens when a server dies. A call hung until it
 * was given up, up to 11 s after the server was back, and its place in the pool was gone for good. If it was a heartbeat no other followed, and the server
 * counted as away until the process ended. Told that it may go on, it finds that the connection is closed, and says so.
 */
export class EndingConnection extends DriversConnection {
  constructor(socket: Socket, options: object) {
    super(socket, options)
    const goOn = () => setImmediate(() => socket.emit('drain'))
    socket.once('close', goOn)
    // What is compressed first is written later than that.
    socket.on('newListener', (event) => {
      if (event === 'drain' && socket.closed) goOn()
    })
  }
}
