import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/**
 * A TCP proxy in front of a Redis, to do to connections what networks do. A
 * connection that has subscribed to something is one for news.
 */
export async function startProxy(redisUrl) {
  const target = Number(new URL(redisUrl).port)
  const links = new Set()
  let isSilent = false
  let isHolding = false
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    const link = { client, upstream, isForNews: false, held: [] }
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
      if (/subscribe/i.test(chunk.toString('latin1'))) link.isForNews = true
      if (!isSilent) upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (isSilent) return
      if (isHolding && !link.isForNews) link.held.push(chunk)
      else client.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${server.address().port}`,
    /** Connections stay open, and nothing passes any more in either direction. */
    silence() {
      isSilent = true
    },
    /** Answers stay on the way until they are let go; news pass. */
    hold() {
      isHolding = true
    },
    letGo() {
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
