/** Maximum difference of the two clocks over one reading, if neither was stepped, faked or stopped. */
const JUMP_MS = 100

/** A clock that shows less than this began at 0: `performance`, or a `Date` that a test has faked like that. */
const ONE_YEAR_MS = 365 * 86_400_000

const native = { date: Date.now, ticks: performance.now }

/**
 * A clock in milliseconds since the epoch that never runs backwards. It advances by the larger of what `Date` and
 * `performance` have advanced. Both are looked up at each reading, since a test may fake either at any time. A laptop
 * that slept advances `Date` alone. A step of the system's clock may advance this one too far: entries may expire early,
 * but none lives longer than by one of the two clocks.
 */
export class ElapsedClock {
  #date = Date.now()
  /** Never 0, which callers may take for a missing time. */
  #now = Math.max(1, this.#date)
  #dateNow = Date.now
  #ticksNow = performance.now
  #ticks = performance.now()
  /** Differences of this clock from the two. */
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

/** Milliseconds that a clock has advanced since its last reading. */
function elapsed(shown: number, before: number, isSame: boolean, isNative: boolean): number {
  if (!isSame) {
    // The time that the real clock was replaced was counted by the fake.
    if (isNative) return 0
    if (shown < ONE_YEAR_MS) return shown
  }
  return Math.max(0, shown - before)
}
