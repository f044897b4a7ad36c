import type { MongoClient } from 'mongodb'

/**
 * The driver (7.9) looks after each server with one heartbeat after another, and has no end for one whose connection is closed at the moment when it is
 * sent: as happens when a server dies. Then no other follows, the server counts as away for good, and only another connection of the whole client
 * helps. So it is noticed here when nothing is heard of any heartbeat of a server for longer than one may take, and the next may be away.
 */
export function watchHeartbeats(client: MongoClient, limit: number, grace: number, onSilence: () => void): () => void {
  const timers = new Map<string, NodeJS.Timeout>()
  const forget = (server: string) => {
    clearTimeout(timers.get(server))
    timers.delete(server)
  }
  const wait = (server: string, ms: number, then: () => void) => void timers.set(server, setTimeout(then, ms).unref())
  const heard = ({ connectionId: server }: { connectionId: string }) => {
    forget(server)
    // An event loop that stood still finds first what came meanwhile.
    wait(server, limit, () => wait(server, grace, onSilence))
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
