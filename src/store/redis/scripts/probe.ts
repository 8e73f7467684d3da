import { DONE, script } from './script.js'

/**
 * KEYS  the probe
 * ARGV  deadline, id
 *
 * Proves that this server takes a write and gives it back.
 */
export const PROBE = script(`
redis.call('SET', KEYS[1], id, 'PX', 60000)
return {${DONE}, now, redis.call('GET', KEYS[1])}
`)
