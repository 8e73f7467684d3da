import { createHash } from 'node:crypto'

/**
 * Whole numbers below a limit, the same for the same seed.
 * @param {string} seed
 * @returns {(limit: number) => number}
 */
export function random(seed) {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0)
  // mulberry32, by Tommy Ettinger (public domain)
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }
}
