/**
 * Whether a reader should compute a value anew although it has not expired:
 * the nearer the expiry and the longer computing takes, the likelier. Of many
 * readers one does so early enough, as a rule, that nobody ever waits.
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
