import { DONE, script } from './script.js'

/**
 * KEYS  the probe
 * ARGV  deadline, id
 *
 * Writes the id and returns what is stored then: the id, if the server takes writes.
 */
export const PROBE = script(`
redis.call('SET', KEYS[1], id, 'PX', 60000)
return {${DONE}, now, redis.call('GET', KEYS[1])}
`)
