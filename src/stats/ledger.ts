/** One call of the cache within a request. */
export interface CallRecord {
  readonly operation: string
  readonly key: string
  readonly outcome: string
  readonly tier?: string | undefined
  readonly reason?: string | undefined
  /** Milliseconds after the request began. */
  readonly afterMs: number
  readonly durationMs: number
}

/** One request and what it asked of the cache, in order. */
export interface RequestRecord {
  /** Milliseconds since the epoch, on its process's clock. */
  readonly at: number
  /** `host:pid` */
  readonly process: string
  /** `GET /products/123` */
  readonly route: string
  readonly status: number
  readonly durationMs: number
  readonly calls: readonly CallRecord[]
  /** Calls beyond the first hundred or so, that were not kept. */
  readonly moreCalls: number
}
