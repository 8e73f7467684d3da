import type { KeyedCache } from '../cache.js'
import type { RequestOrigin } from '../tiers/request-scope.js'
import type { AuditEvent } from './audit.js'
import type { Links } from './links.js'
import type { Parameters } from './parameters.js'
import type { SecretNames } from './secrets.js'

/** One request as a page sees it: nothing of the web framework. */
export interface Visit {
  readonly cache: KeyedCache
  readonly parameters: Parameters
  /** What follows the route's own path, decoded. */
  readonly rest: string
  readonly links: Links
  readonly readOnly: boolean
  readonly hideValues: boolean
  readonly secrets: SecretNames
  /** Who is asking, from where; only asked when something is changed. */
  readonly origin: () => RequestOrigin
  /** Tells the application; never rejects. */
  readonly audit: (event: AuditEvent) => Promise<void>
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** A page to be rendered: the view's name, and plain data for it. */
export interface Page {
  readonly view: string
  readonly title: string
  readonly data: object
  /** Default: 200. */
  readonly status?: number
}

/** A piece of a page: a view's name, and plain data for it. */
export interface Part {
  readonly view: string
  readonly data: object
}

/** A page that is sent while it is made: each part once the one before it has gone. */
export interface StreamedPage {
  /** Which page it is. */
  readonly view: string
  readonly title: string
  /** Ends soon after the signal, which says that whoever asked has gone. */
  readonly parts: (signal: AbortSignal) => AsyncIterable<Part>
}

/** A text to be saved, in pieces. */
export interface Download {
  readonly fileName: string
  readonly pieces: Iterable<string>
}

/** Data for programs. */
export interface Json {
  readonly json: unknown
  /** Default: 200. */
  readonly status?: number
}

export type Answer = Page | StreamedPage | Download | Json

export type Handler = (visit: Visit) => Answer | Promise<Answer>
