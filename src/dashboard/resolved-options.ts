import { resolve } from 'node:path'
import type { Request } from 'express'
import { ConfigurationError } from '../errors.js'
import { LimitedWarnings } from '../limited-warnings.js'
import type { Logger } from '../logger.js'
import { defaultOrigin, userOf } from '../request-origin.js'
import type { RequestOrigin } from '../tiers/request-scope.js'
import type { AuditEvent } from './access/audit.js'
import { SecretNames } from './masking/secret-names.js'
import { mountPath } from './mount-path.js'
import { type CsrfHook, type DashboardOptions, parseOrigin, takeDashboardOptions } from './options.js'

/** Options of the dashboard with their defaults. */
export interface ResolvedDashboard {
  readonly isStaff: (req: Request) => boolean | Promise<boolean>
  /** Whether `isStaff` is the application's own. */
  readonly isOwnCheck: boolean
  /** Logs one mistake in what the application's hooks return, the first only. */
  readonly warnOnce: (message: string) => void
  /** Logs failures of `isStaff`. */
  readonly staffWarnings: LimitedWarnings
  readonly loginUrl: string | undefined
  readonly readOnly: boolean
  readonly secrets: SecretNames
  readonly hideValues: boolean
  /** Absolute path of the views, where they are not the package's own. */
  readonly views: string | undefined
  readonly origins: ReadonlySet<string>
  readonly csrf: Required<CsrfHook> | undefined
  readonly audit: (req: Request) => RequestOrigin
  readonly onAudit: (event: AuditEvent) => void | Promise<void>
  readonly logger: Logger
}

/** @throws ConfigurationError for an unknown option or a wrong value, with what to write */
export function resolveDashboard(given: DashboardOptions | undefined, logger: Logger): ResolvedDashboard {
  const options = takeDashboardOptions(given)
  if (options.path !== undefined) {
    throw new ConfigurationError(
      `path is an option of the dashboard that the middleware serves. Mount this one yourself: app.use('${mountPath(options.path)}', handler.dashboard()).`,
    )
  }
  const { readOnly = false, hideValues = false, origins = [], csrf, views } = options
  const { loginUrl, redact, audit = defaultOrigin, onAudit = () => {} } = options
  return {
    isStaff: staffCheck(options),
    isOwnCheck: options.isStaff !== undefined,
    warnOnce: warnerOf(logger),
    staffWarnings: new LimitedWarnings((message) => logger.warn(message)),
    secrets: new SecretNames(redact),
    views: views === undefined ? undefined : resolve(views),
    origins: new Set(origins.map(parseOrigin)),
    csrf: csrf && resolveCsrf(csrf),
    ...{ loginUrl, readOnly, hideValues, audit, onAudit, logger },
  }
}

/** The option `isStaff`, or its default. */
export function staffCheck({ isStaff }: DashboardOptions): ResolvedDashboard['isStaff'] {
  return isStaff ?? ((req) => userOf(req)?.is_staff === true)
}

function resolveCsrf(hook: CsrfHook): Required<CsrfHook> {
  return {
    field: hook.field ?? '_csrf',
    token: (req) => hook.token(req),
    verify: (req) => hook.verify(req),
  }
}

function warnerOf(logger: Logger): (message: string) => void {
  let isWarned = false
  return (message) => {
    if (!isWarned) logger.warn(`keyedcache: the dashboard: ${message}`)
    isWarned = true
  }
}
