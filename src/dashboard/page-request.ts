import type { KeyedCache } from '../cache.js'
import type { RequestOrigin } from '../tiers/request-scope.js'
import type { AuditEvent } from './access/audit.js'
import type { Links } from './http/links.js'
import type { Parameters } from './http/parameters.js'
import type { SecretNames } from './masking/secret-names.js'

/** One request as a page sees it: nothing of the web framework. */
export interface PageRequest {
  readonly cache: KeyedCache
  readonly parameters: Parameters
  /** What follows the route's own path, decoded. */
  readonly rest: string
  readonly links: Links
  readonly readOnly: boolean
  /** Whether it came by HTTPS, as far as the application knows. */
  readonly isSecure: boolean
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
  /** Whether it offers to load itself again every few seconds: for figures and lists, not for what one fills in. */
  readonly live?: boolean
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

/** The way to a page of the application, with a cookie for it (RFC 9110 §15.4.4). */
export interface SeeOther {
  readonly location: string
  readonly cookie: string
}

export type HandlerResult = Page | StreamedPage | Download | Json | SeeOther

export type Handler = (visit: PageRequest) => HandlerResult | Promise<HandlerResult>
