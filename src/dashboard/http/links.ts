/**
 * Addresses of the dashboard's pages, relative to the page that links: so they
 * hold under any mount path, and behind a proxy that cuts off a part of it.
 */
export class Links {
  constructor(readonly root: string) {}

  readonly overview = (choice: { readonly span?: string } = {}): string => this.root + query(choice)

  readonly processes = (): string => `${this.root}processes`

  readonly keys = (filter: Filter = {}): string => `${this.root}keys${query(filter)}`

  /**
   * In the path where no browser or proxy on the way would read anything into
   * it, such as `..` or a slash; else as a parameter.
   */
  readonly key = (key: string): string =>
    /^[\w!$&()+,;=@|~<>:-][\w!$&()+,;=@.|~<>:-]*$/.test(key)
      ? `${this.root}keys/${encodeURIComponent(key).replaceAll('%3A', ':')}`
      : `${this.root}key${query({ key })}`

  readonly events = (filter: EventFilter = {}): string => `${this.root}events${query(filter)}`

  readonly requests = (filter: RequestFilter = {}): string => `${this.root}requests${query(filter)}`

  readonly bypass = (choice: { readonly path?: string } = {}): string => `${this.root}bypass${query(choice)}`

  readonly download = (key: string): string => `${this.root}download${query({ key })}`

  readonly delete = (choice: { readonly key?: string; readonly how?: string } = {}): string =>
    `${this.root}delete${query(choice)}`

  readonly clear = (): string => `${this.root}clear`

  readonly asset = (name: string): string => `${this.root}assets/${name}`
}

type Filter = {
  readonly under?: string | undefined
  readonly q?: string | undefined
  readonly cursor?: string | undefined
  readonly seen?: number | undefined
  readonly whole?: 'yes' | undefined
}

type RequestFilter = {
  readonly q?: string | undefined
  readonly limit?: number | undefined
}

type EventFilter = {
  readonly type?: string | undefined
  readonly q?: string | undefined
  readonly limit?: number | undefined
}

/** The way back to the dashboard's root from a page, `path` being what stands in the address bar and `below` its part under the root. */
export function rootFrom(path: string, below: string): string {
  const depth = below.split('/').length - 2
  if (depth > 0) return '../'.repeat(depth)
  // Mounted at /cache and asked for without the slash: a relative address starts one level higher.
  const last = path.slice(path.lastIndexOf('/') + 1)
  return below === '/' && last !== '' ? `./${last}/` : './'
}

function query(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(parameters).filter(
    ([, value]) => value !== undefined && value !== '' && value !== 0,
  )
  const text = given
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value).toWellFormed())}`)
    .join('&')
  return text && `?${text}`
}
