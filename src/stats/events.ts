/** Something that people want to know of: what was invalidated by whom, and what the store did not surely carry out. */
export interface CacheEvent {
  readonly type: 'delete' | 'clear' | 'trouble'
  /** Milliseconds since the epoch, on this process's clock. */
  readonly at: number
  /** The key's text; empty for `clear`. */
  readonly key: string
  /** Whether everything below went too. */
  readonly children?: boolean | undefined
  /** `host:pid` */
  readonly process: string
  /** `POST /products/123` */
  readonly route?: string | undefined
  readonly user?: string | undefined
  readonly outcome: string
}
