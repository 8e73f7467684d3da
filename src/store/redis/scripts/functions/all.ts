import { BYTES } from './bytes.js'
import { FRAMES } from './frames.js'
import { GENERATIONS } from './generations.js'
import { LEASES } from './leases.js'

/** Lua functions that every script begins with, after its `now` and `id`. Each uses only those before it. */
export const FUNCTIONS = BYTES + FRAMES + GENERATIONS + LEASES
