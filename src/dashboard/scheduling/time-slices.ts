/** Maximum length of a time slice, in milliseconds. */
const SLICE_MS = 8

const waiting: (() => void)[] = []
let isScheduled = false
/** Start of the current slice, by `performance.now()`. */
let sliceBegan = 0

/**
 * Waits for a time slice: a turn of the event loop that no other page uses. However many pages are rendered at once, the
 * application waits for one slice, not for one of each page.
 */
export function waitForSlice(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve)
    if (!isScheduled) {
      isScheduled = true
      setImmediate(runNext)
    }
  })
}

function runNext(): void {
  sliceBegan = performance.now()
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(runNext)
  else isScheduled = false
}

/** Waits for another slice where the current one is used up. */
export async function yieldAfterSlice(): Promise<void> {
  if (performance.now() - sliceBegan > SLICE_MS) await waitForSlice()
}
