// Node's own, also while a test has faked the global ones: they wait for a server.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import type { Redis } from 'ioredis'
import { reconnect } from './own-client.js'
import { SILENT_MS } from './silence-detection.js'

/**
 * Replaces each socket of a client on which nothing has arrived for too long before it could take commands. The time
 * limit of connecting ends when the socket is open; after that ioredis waits for ever.
 */
export function replaceSilentSockets(client: Redis): Redis {
  let timer: NodeJS.Timeout | undefined
  const watch = (stream: Redis['stream'], bytesRead: number) => {
    // After an immediate: what arrived while this process was busy is read first.
    timer = setTimeout(() => setImmediate(look, stream, bytesRead), SILENT_MS).unref()
  }
  const look = (stream: Redis['stream'], bytesRead: number) => {
    if (client.stream !== stream || client.status !== 'connect') return
    // It is loading its data, and asked again and again.
    if (stream.bytesRead > bytesRead) watch(stream, stream.bytesRead)
    else reconnect(client)
  }
  client.on('connect', () => {
    clearTimeout(timer)
    watch(client.stream, 0)
  })
  return client
}
