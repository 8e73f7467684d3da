import { createKeyv } from '@keyv/redis'
import { Redis } from 'ioredis'
import { startRedis } from './redis.mjs'
import { VALUE } from './value.mjs'

const BATCH = 1_000

/** Usual ways to delete all children of a key: `populate(size)`, then `remove()`, in a Redis of their own. */
export async function usualDeletes() {
  const redis = await startRedis()
  const client = new Redis(redis.url)
  const keyv = createKeyv(redis.url, { namespace: 'parent' })
  const text = JSON.stringify(VALUE)

  async function populate(size, command) {
    await client.flushall()
    for (let from = 0; from < size; from += BATCH) {
      const pipeline = client.pipeline()
      for (let i = from; i < Math.min(size, from + BATCH); i++) command(pipeline, i)
      await pipeline.exec()
    }
  }

  return {
    ways: {
      'SCAN MATCH + UNLINK': {
        populate: (size) => populate(size, (pipeline, i) => pipeline.set(`parent::${i}`, text, 'EX', 3600)),
        async remove() {
          let cursor = '0'
          do {
            const [next, names] = await client.scan(cursor, 'MATCH', 'parent::*', 'COUNT', BATCH)
            if (names.length > 0) await client.unlink(names)
            cursor = next
          } while (cursor !== '0')
        },
      },
      'a tag: SMEMBERS + UNLINK': {
        populate: (size) =>
          populate(size, (pipeline, i) => {
            pipeline.set(`parent::${i}`, text, 'EX', 3600)
            pipeline.sadd('tag:parent', `parent::${i}`)
          }),
        async remove() {
          const names = await client.smembers('tag:parent')
          for (let from = 0; from < names.length; from += BATCH)
            await client.unlink(names.slice(from, from + BATCH))
          await client.unlink('tag:parent')
        },
      },
      'keyv.clear() of a namespace': {
        populate: (size) => populate(size, (pipeline, i) => pipeline.set(`parent::${i}`, text, 'EX', 3600)),
        remove: () => keyv.clear(),
      },
    },
    async stop() {
      await keyv.disconnect()
      await client.quit()
      await redis.stop()
    },
  }
}
