/** One stacked bar of a chart: two values, `upper` on top of `lower`. */
export interface Bar {
  readonly lower: number
  readonly upper: number
}

/** A bar in the units of the chart's view box. */
export interface Drawn {
  readonly x: number
  readonly width: number
  readonly lower: { readonly y: number; readonly height: number }
  readonly upper: { readonly y: number; readonly height: number }
}

const WIDTH = 600
const HEIGHT = 100

/** Places bars side by side, scaled to the highest. A value above 0 is at least one unit high, so that it is visible. */
export function chartOf(bars: readonly Bar[]): { readonly bars: readonly Drawn[]; readonly highest: number } {
  const highest = Math.max(0, ...bars.map(({ lower, upper }) => lower + upper))
  const step = WIDTH / Math.max(1, bars.length)
  const scaled = (count: number) => (count === 0 ? 0 : Math.max(1, (count / highest) * HEIGHT))
  return {
    highest,
    bars: bars.map(({ lower, upper }, index) => {
      const [low, high] = [scaled(lower), scaled(upper)]
      return {
        x: rounded(index * step),
        width: rounded(step * 0.85),
        lower: { y: rounded(HEIGHT - low), height: rounded(low) },
        upper: { y: rounded(HEIGHT - low - high), height: rounded(high) },
      }
    }),
  }
}

function rounded(length: number): number {
  return Math.round(length * 10) / 10
}
