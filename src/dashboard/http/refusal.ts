/** Why a request gets no page of its own, for the one who asked. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** What to do about it. */
    readonly hint?: string,
    /** For 405: the methods that there are. */
    readonly allow?: string,
    /** For 503: in how many seconds it may be tried again. */
    readonly retryAfter?: number,
  ) {
    super(message)
  }
}

export function badRequest(message: string, hint?: string): Refusal {
  return new Refusal(400, message, hint)
}
