import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Frees what nobody can reach any more. */
export function collectGarbage(): void {
  collect()
  collect()
}

/** Bytes in use on the heap, once everything unreachable is gone. */
export function usedHeap(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
