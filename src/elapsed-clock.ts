/** Two readings of one clock that differ by more than this do not come from time that passed evenly. */
const JUMP_MS = 100

/** A clock that shows less has begun at 0: `performance`, or a `Date` that a test has faked so. */
const ONE_YEAR_MS = 365 * 86_400_000

const native = { date: Date.now, ticks: performance.now }

/**
 * Milliseconds since the epoch that never run backwards, and advance by what `Date` or `performance` has advanced,
 * whichever is more. Both are looked up at each reading: a test may fake either, at any time. A laptop that slept
 * advances `Date` alone. A step of the system's clock may advance it too far, so what lives by it may expire early, but
 * nothing lives for longer than by one of the two clocks.
 */
export class ElapsedClock {
  #date = Date.now()
  /** Never 0, which some take for no time at all. */
  #now = Math.max(1, this.#date)
  #dateNow = Date.now
  #ticksNow = performance.now
  #ticks = performance.now()
  /** What is added to a clock for what this one shows. */
  #pastDate = this.#now - this.#date
  #pastTicks = this.#now - this.#ticks

  now(): number {
    const date = Date.now()
    const ticks = performance.now()
    const byDate = date + this.#pastDate
    const byTicks = ticks + this.#pastTicks
    const later = Math.max(byDate, byTicks)
    const apart = byDate - byTicks
    const isEven = apart < JUMP_MS && apart > -JUMP_MS && later > this.#now - JUMP_MS
    if (!isEven || performance.now !== this.#ticksNow) return this.#jump(date, ticks)
    this.#date = date
    this.#ticks = ticks
    if (later > this.#now) this.#now = later
    return this.#now
  }

  /** One of the clocks was stepped, faked or restored, or stood still. */
  #jump(date: number, ticks: number): number {
    this.#now += Math.max(
      elapsed(date, this.#date, Date.now === this.#dateNow, Date.now === native.date),
      elapsed(ticks, this.#ticks, performance.now === this.#ticksNow, performance.now === native.ticks),
    )
    this.#dateNow = Date.now
    this.#ticksNow = performance.now
    this.#date = date
    this.#ticks = ticks
    this.#pastDate = this.#now - date
    this.#pastTicks = this.#now - ticks
    return this.#now
  }
}

/** What a clock has advanced since the last reading, as far as its two readings tell. */
function elapsed(shown: number, before: number, isSame: boolean, isNative: boolean): number {
  if (!isSame) {
    // How long the real clock was away, a faked one in its place has counted.
    if (isNative) return 0
    if (shown < ONE_YEAR_MS) return shown
  }
  return Math.max(0, shown - before)
}
