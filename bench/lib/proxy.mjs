import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/** Starts a TCP proxy in front of a Redis, which can delay or lose data as networks do. */
export async function startProxy(redisUrl) {
  const target = Number(new URL(redisUrl).port)
  const links = new Set()
  let isSilent = false
  let isHolding = false
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    const link = { client, upstream, isSubscriber: false, held: [] }
    links.add(link)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ]) {
      from.on('error', () => {})
      from.on('close', () => {
        links.delete(link)
        to.destroy()
      })
    }
    client.on('data', (chunk) => {
      if (/subscribe/i.test(chunk.toString('latin1'))) link.isSubscriber = true
      if (!isSilent) upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (isSilent) return
      if (isHolding && !link.isSubscriber) link.held.push(chunk)
      else client.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${server.address().port}`,
    /** Drops all data in both directions; connections stay open. */
    silence() {
      isSilent = true
    },
    /** Holds replies until they are released; messages of subscriptions pass. */
    hold() {
      isHolding = true
    },
    release() {
      isHolding = false
      for (const { client, held } of links) for (const chunk of held.splice(0)) client.write(chunk)
    },
    async stop() {
      for (const { client, upstream } of links) {
        client.destroy()
        upstream.destroy()
      }
      server.close()
      await once(server, 'close')
    },
  }
}
