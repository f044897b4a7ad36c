import type { MongoClient } from 'mongodb'

/**
 * The driver (7.9) looks after each server with one heartbeat after another, and has no end for one whose connection is closed at the moment when it is
 * sent: as happens when a server dies. Then no other follows, the server counts as away for good, and nothing but another connection of the whole
 * client helps. So each heartbeat is given an end here.
 */
export function watchHeartbeats(client: MongoClient, limit: number, onSilence: () => void): () => void {
  const timers = new Map<string, NodeJS.Timeout>()
  const over = ({ connectionId }: { connectionId: string }) => {
    clearTimeout(timers.get(connectionId))
    timers.delete(connectionId)
  }
  const stop = () => {
    for (const timer of timers.values()) clearTimeout(timer)
    timers.clear()
  }
  client.on('serverHeartbeatSucceeded', over)
  client.on('serverHeartbeatFailed', over)
  client.on('topologyClosed', stop)
  client.on('serverHeartbeatStarted', (event) => {
    over(event)
    timers.set(event.connectionId, setTimeout(onSilence, limit).unref())
  })
  return stop
}
