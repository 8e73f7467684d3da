import { DONE, script } from './script.js'

/**
 * KEYS  a generation
 * ARGV  deadline, id, life that it has at least, '1' if something is written below it, else '0'
 *
 * Makes the generation if it is absent, and prolongs it. Returns it, and how long it lives, in milliseconds.
 */
export const ENSURE = script(`
local generation, life = keep_generation(KEYS[1], tonumber(ARGV[3]), ARGV[4])
return {${DONE}, now, generation, life}
`)
