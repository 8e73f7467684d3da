import { randomBytes } from 'node:crypto'
import { ID_BYTES } from '../entry/layout.js'

/** Asking for random bytes costs more than making an id of them: so many ids are made at once. */
const AT_ONCE = 256

let pool = Buffer.alloc(0)

/** An id for a frame or a generation: 96 random bits, no two ever the same. */
export function newId(): Buffer {
  if (pool.length === 0) pool = randomBytes(AT_ONCE * ID_BYTES)
  const id = pool.subarray(0, ID_BYTES)
  pool = pool.subarray(ID_BYTES)
  return id
}
