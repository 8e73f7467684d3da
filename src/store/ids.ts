import { randomBytes } from 'node:crypto'
import { ID_BYTES } from '../entry/layout.js'

/** Number of ids that are made of one call for random bytes, which costs more than the ids. */
const POOL_IDS = 256

let pool = Buffer.alloc(0)

/** A new id of a frame or a generation: 96 random bits, so that no two are ever the same. */
export function newId(): Buffer {
  if (pool.length === 0) pool = randomBytes(POOL_IDS * ID_BYTES)
  const id = pool.subarray(0, ID_BYTES)
  pool = pool.subarray(ID_BYTES)
  return id
}
