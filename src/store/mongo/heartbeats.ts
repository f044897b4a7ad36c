import type { MongoClient } from 'mongodb'

/** For an event loop that stood still: it finds first what came meanwhile. In ms. */
const grace = 1000

/**
 * The driver (7.9) looks after each server with one heartbeat after another, and has no end for one whose connection is closed at the moment when it is
 * sent: as happens when a server dies. Then no other follows, the server counts as away for good, and only another connection of the whole client
 * helps. So it is noticed here when nothing is heard of any heartbeat of a server for longer than one may take: one `patience` for news, and one for
 * the answer.
 */
export function watchHeartbeats(client: MongoClient, patience: number, onSilence: () => void): () => void {
  const timers = new Map<string, NodeJS.Timeout>()
  const forget = (server: string) => {
    clearTimeout(timers.get(server))
    timers.delete(server)
  }
  const wait = (server: string, ms: number, then: () => void) => void timers.set(server, setTimeout(then, ms).unref())
  const heard = ({ connectionId: server }: { connectionId: string }) => {
    forget(server)
    wait(server, 2 * patience, () => wait(server, grace, onSilence))
  }
  const stop = () => {
    for (const server of [...timers.keys()]) forget(server)
  }
  client.on('serverHeartbeatStarted', heard)
  client.on('serverHeartbeatSucceeded', heard)
  client.on('serverHeartbeatFailed', heard)
  client.on('serverClosed', ({ address }) => forget(address))
  client.on('topologyClosed', stop)
  return stop
}
