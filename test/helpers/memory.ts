import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Frees everything that is unreachable. */
export function collectGarbage(): void {
  collect()
  collect()
}

/** Bytes in use on the heap after garbage collection. */
export function usedHeap(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
