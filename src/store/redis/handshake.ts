// Node's own, also while a test has faked the global ones: they wait for a server.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import type { Redis } from 'ioredis'
import { ignore } from '../../background.js'
import { reconnect } from './own-client.js'
import { SILENT_MS } from './silence-detection.js'

type Stream = Redis['stream']

/**
 * Replaces each socket of a client on which nothing has arrived for too long before it could take commands. The time
 * limit of connecting ends when the socket is open; after that ioredis waits for ever.
 */
export function replaceSilentSockets(client: Redis): Redis {
  return watchSockets(client, false)
}

/**
 * Replaces the silent sockets of a client for subscriptions, also later: it sends a ping at intervals, since nothing
 * else has an answer there.
 */
export function replaceSilentSubscriptions(client: Redis): Redis {
  return watchSockets(client, true)
}

function watchSockets(client: Redis, pings: boolean): Redis {
  let timer: NodeJS.Timeout | undefined
  const watch = (stream: Stream, bytesRead: number) => {
    // After an immediate: what arrived while this process was busy is read first.
    timer = setTimeout(() => setImmediate(look, stream, bytesRead), SILENT_MS).unref()
  }
  const look = (stream: Stream, bytesRead: number) => {
    const isReady = client.status === 'ready'
    if (client.stream !== stream || (isReady ? !pings : client.status !== 'connect')) return
    if (stream.bytesRead === bytesRead) {
      reconnect(client)
      return
    }
    const received = stream.bytesRead
    if (isReady) client.ping().catch(ignore)
    watch(stream, received)
  }
  client.on('connect', () => {
    clearTimeout(timer)
    watch(client.stream, 0)
  })
  return client
}
