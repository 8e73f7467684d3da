/** A page to be rendered: the name of a view, and plain data for it. */
export interface Page {
  readonly view: string
  readonly title: string
  readonly data: object
  /** @default 200 */
  readonly status?: number
  /**
   * Whether the page offers to refresh itself every few seconds: for figures and lists, not for forms.
   * @default false
   */
  readonly live?: boolean
}

/** A part of a page: the name of a view, and plain data for it. */
export interface Part {
  readonly view: string
  readonly data: object
}

/** A page that is sent while it is rendered: each part once the part before it was sent. */
export interface StreamedPage {
  /** Name of the page. */
  readonly view: string
  readonly title: string
  /** Ends soon after the signal, which is aborted when the client leaves. */
  readonly parts: (signal: AbortSignal) => AsyncIterable<Part>
}

/** A file to be saved, in pieces. */
export interface Download {
  readonly fileName: string
  readonly pieces: Iterable<string>
}

/** Data as JSON. */
export interface Json {
  readonly json: unknown
  /** @default 200 */
  readonly status?: number
}

/** A redirect to a page of the application, with a cookie (RFC 9110 §15.4.4). */
export interface SeeOther {
  readonly location: string
  readonly cookie: string
}

/** Result of a handler. */
export type HandlerResult = Page | StreamedPage | Download | Json | SeeOther
