/** Whole numbers below a limit, the same for the same seed. */
export function random(seed: string): (limit: number) => number
