import type { KeyedCache } from '../cache.js'
import type { RequestOrigin } from '../tiers/request-scope.js'
import type { AuditEvent } from './access/audit.js'
import type { Links } from './http/links.js'
import type { Parameters } from './http/parameters.js'
import type { SecretNames } from './masking/secret-names.js'

/** A request for a page, without anything of the web framework. */
export interface PageRequest {
  readonly cache: KeyedCache
  readonly parameters: Parameters
  /** Path after the route, decoded. */
  readonly rest: string
  readonly links: Links
  readonly readOnly: boolean
  /** Whether the request came by HTTPS: Express' `req.secure`. */
  readonly isSecure: boolean
  readonly hideValues: boolean
  readonly secrets: SecretNames
  /** Returns route and user of the request, for a change. */
  readonly origin: () => RequestOrigin
  /** Calls the application's `onAudit`. Never rejects. */
  readonly audit: (event: AuditEvent) => Promise<void>
  /** Milliseconds since the epoch. */
  readonly now: number
}
