/**
 * Decides by chance whether a reader refreshes a value before it expires: the nearer the expiry and the longer computing
 * takes, the likelier. One of many readers usually does so early enough that no caller has to wait.
 *
 * @param remainingMs time until the value expires
 * @param computingMs how long computing it took (Δ)
 * @param beta above 1 for earlier, below 1 for later
 * @param random evenly from 0 (excluded) to 1
 * @see Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015 (XFetch)
 */
export function shouldRefreshEarly(
  remainingMs: number,
  computingMs: number,
  beta: number,
  random: number,
): boolean {
  return -computingMs * beta * Math.log(random) >= remainingMs
}
