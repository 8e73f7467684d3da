/** An answer that refuses a request, with a message for the user. */
export class HttpError extends Error {
  constructor(
    /** HTTP status. */
    readonly status: number,
    message: string,
    /** How to fix it. */
    readonly hint?: string,
    /** For 405: the allowed methods. */
    readonly allow?: string,
    /** For 503: seconds until a retry makes sense. */
    readonly retryAfter?: number,
  ) {
    super(message)
  }
}

export function badRequest(message: string, hint?: string): HttpError {
  return new HttpError(400, message, hint)
}
