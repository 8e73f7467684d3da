import { settled } from './dead-holder.mjs'

export const CAP_MS = 5_000

/** Milliseconds of a get-or-compute of an unknown key while Redis does not answer. */
export async function frozenRedis(redis, member) {
  redis.freeze()
  try {
    const start = performance.now()
    const { at, error } = await settled(member.run('read', { key: 'frozen::1', ms: 0 }), CAP_MS)
    return error ?? at - start
  } finally {
    redis.thaw()
  }
}
