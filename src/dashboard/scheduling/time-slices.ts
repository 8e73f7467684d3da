/** Length of a slice of work, in milliseconds. */
const SLICE_MS = 8

const waiting: (() => void)[] = []
let isPumping = false
/** When the work began that holds the event loop now. */
let sliceBegan = 0

/**
 * The next turn of the event loop that no other page uses: however many pages are made at once, the application waits
 * for one slice of work, not for one of each page.
 */
export function waitForSlice(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve)
    if (!isPumping) {
      isPumping = true
      setImmediate(pump)
    }
  })
}

function pump(): void {
  sliceBegan = performance.now()
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(pump)
  else isPumping = false
}

/** Waits for another turn where this one has been used up. */
export async function yieldAfterSlice(): Promise<void> {
  if (performance.now() - sliceBegan > SLICE_MS) await waitForSlice()
}
