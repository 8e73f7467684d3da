import { resolve } from 'node:path'
import type { Request } from 'express'
import { ConfigurationError } from '../errors.js'
import { describeValue } from '../key/describe-value.js'
import { aBoolean, aList, aText } from '../option-checks.js'
import type { Logger } from '../store/failsafe.js'
import { OptionsReader } from '../take-options.js'
import type { RequestOrigin } from '../tiers/request-scope.js'
import { type AuditEvent, nameOf } from './audit.js'
import { hasViews } from './has-views.js'
import { mountPath } from './mount-path.js'
import { type RedactOption, type SecretName, SecretNames } from './secrets.js'

export interface DashboardOptions {
  /**
   * Where the middleware serves it: a path like `/admin/cache`. One elsewhere is mounted by hand, with
   * `dashboard: false` and `app.use('/:tenant/cache', handler.dashboard())`.
   * @default '/cache'
   */
  path?: string | undefined
  /**
   * Decides whether a request is one of staff. Only `true`, or a promise of it, opens the dashboard; a failure, or no
   * answer within ten seconds, closes it. The middleware calls it for the headers of staff, too: see `staffHeaders`.
   * @default (req) => req.user?.is_staff === true
   */
  isStaff?: ((req: Request) => boolean | Promise<boolean>) | undefined
  /** Where someone who is not signed in is sent, with the way back as `?next=`. Default: a 401 page. */
  loginUrl?: string | undefined
  /** Nothing can be deleted here. Default: false. */
  readOnly?: boolean | undefined
  /**
   * Names whose values are masked, as properties, as parts of keys and in texts: added to the default list, or with
   * `{ only: […] }` instead of it. A text matches anywhere in a name, whatever its case and separators (`'api key'` in
   * `X-Api-Key`), and across a property and the one that holds it (`api: { key }`). A text of up to four letters
   * matches a word of a name. A regular expression gets the first 1,000 characters of a name as it is written.
   * @example ['iban', /^x-internal/i]
   */
  redact?: RedactOption | undefined
  /** Show no values at all. Default: false. */
  hideValues?: boolean | undefined
  /**
   * Folder with the dashboard's views and assets: a copy of the folder `views` of this package, needed where the
   * application is a bundle. An absolute path, or one relative to the working directory.
   * @default the package's own
   * @throws ConfigurationError for a folder without the views
   */
  views?: string | undefined
  /** Further origins whose pages may send the forms, `https://admin.example.com`. */
  origins?: readonly string[] | undefined
  /** A token of the application's own that every form carries and every change must bring. */
  csrf?: CsrfHook | undefined
  /**
   * Who is asking, for the record of what is deleted; where it fails, that is what the record says.
   * Default: the route, and `username`, `email` or `id` of `req.user`.
   */
  audit?: ((req: Request) => RequestOrigin) | undefined
  /** Told of every delete. A failure is logged and changes nothing. */
  onAudit?: ((event: AuditEvent) => void | Promise<void>) | undefined
}

export interface CsrfHook {
  /** The name of the hidden field. Default: `_csrf`. */
  field?: string | undefined
  /** The token for a form; `req.res` is the response, where a cookie has to be set. */
  token(req: Request): string | Promise<string>
  /** Whether a change brings its token, in `req.body` or elsewhere. */
  verify(req: Request): boolean | Promise<boolean>
}

/** The options once everything is decided. */
export interface ResolvedDashboard {
  readonly isStaff: (req: Request) => boolean | Promise<boolean>
  /** Whether `isStaff` is the application's own. */
  readonly isOwnCheck: boolean
  /** Logs what is wrong with an answer of the application, once. */
  readonly warnOnce: (message: string) => void
  readonly loginUrl: string | undefined
  readonly readOnly: boolean
  readonly secrets: SecretNames
  readonly hideValues: boolean
  /** Folder of the views, where it is not the package's own. */
  readonly views: string | undefined
  readonly origins: ReadonlySet<string>
  readonly csrf: Required<CsrfHook> | undefined
  readonly audit: (req: Request) => RequestOrigin
  readonly onAudit: (event: AuditEvent) => void | Promise<void>
  readonly logger: Logger
}

const OPTIONS = new OptionsReader<DashboardOptions>('dashboard option', {
  path: true,
  isStaff: true,
  loginUrl: aText,
  readOnly: aBoolean,
  redact(value, name) {
    // The names themselves are checked where they are read, with an example of what to write.
    if (Array.isArray(value) || typeof value !== 'object') return
    aList(REDACT.take(value as { only: readonly SecretName[] }).only, name)
  },
  hideValues: aBoolean,
  views: aText,
  origins: aList,
  csrf: true,
  audit: true,
  onAudit: true,
})

const REDACT = new OptionsReader<{ readonly only: readonly SecretName[] }>(
  'option',
  { only: aList },
  'redact',
)

const CSRF = new OptionsReader<CsrfHook>('option', { field: aText, token: true, verify: true }, 'csrf')

/** @throws ConfigurationError for an unknown option, or a wrong value */
export function takeDashboardOptions(given: DashboardOptions | undefined): DashboardOptions {
  return OPTIONS.take(given)
}

/** @throws ConfigurationError that says what to write. */
export function resolveDashboard(given: DashboardOptions | undefined, logger: Logger): ResolvedDashboard {
  const options = takeDashboardOptions(given)
  if (options.path !== undefined) {
    const path = mountPath(options.path)
    throw new ConfigurationError(
      `The dashboard option path is for the one that the middleware serves. Mount this one: app.use('${path}', handler.dashboard()).`,
    )
  }
  let isWarned = false
  return {
    isStaff: staffCheck(options),
    isOwnCheck: options.isStaff !== undefined,
    warnOnce(message) {
      if (!isWarned) logger.warn(`keyedcache: the dashboard: ${message}`)
      isWarned = true
    },
    loginUrl: checkLoginUrl(options.loginUrl),
    readOnly: options.readOnly ?? false,
    secrets: new SecretNames(options.redact),
    hideValues: options.hideValues ?? false,
    views: checkViews(options.views),
    origins: new Set((options.origins ?? []).map(checkOrigin)),
    csrf: checkCsrf(options.csrf),
    audit: aFunction(options.audit, 'audit') ?? auditOf,
    onAudit: aFunction(options.onAudit, 'onAudit') ?? (() => {}),
    logger,
  }
}

/**
 * Who counts as staff.
 * @throws ConfigurationError
 */
export function staffCheck({ isStaff }: DashboardOptions): ResolvedDashboard['isStaff'] {
  return aFunction(isStaff, 'isStaff') ?? ((req) => userOf(req)?.is_staff === true)
}

/** Whoever is signed in, as passport and its like tell it. */
function userOf(req: Request): Record<string, unknown> | undefined {
  const { user } = req as { user?: unknown }
  return typeof user === 'object' && user !== null ? (user as Record<string, unknown>) : undefined
}

function auditOf(req: Request): RequestOrigin {
  const user = userOf(req)
  return {
    route: `${req.method} ${req.baseUrl}${req.path}`,
    user: nameOf(user?.username) ?? nameOf(user?.email) ?? nameOf(user?.id),
  }
}

function aFunction<T>(given: T | undefined, name: string): T | undefined {
  if (given === undefined || typeof given === 'function') return given
  throw new ConfigurationError(`The dashboard option ${name} must be a function.`)
}

function checkLoginUrl(url: string | undefined): string | undefined {
  if (url === undefined || /^(https?:\/\/[^/]|\/(?![/\\]))[^\s\\]*$/.test(url)) return url
  throw new ConfigurationError(
    `loginUrl must be a path like '/login' or an http(s) URL, not '${url.slice(0, 100)}'.`,
  )
}

function checkViews(folder: string | undefined): string | undefined {
  if (folder === undefined) return undefined
  if (hasViews(folder)) return resolve(folder)
  throw new ConfigurationError(
    `views is ${describeValue(folder)}, where no views are: copy the folder views of the package keyedcache there.`,
  )
}

function checkOrigin(given: string): string {
  const origin = typeof given === 'string' && URL.canParse(given) ? new URL(given).origin : 'null'
  if (/^https?:/.test(origin) && given.replace(/\/$/, '').split('/').length === 3) return origin
  throw new ConfigurationError(
    `origins holds ${describeValue(given)}: write it like 'https://admin.example.com'.`,
  )
}

function checkCsrf(hook: CsrfHook | undefined): Required<CsrfHook> | undefined {
  if (hook === undefined) return undefined
  const { field = '_csrf', token, verify } = CSRF.take(hook)
  if (typeof token !== 'function' || typeof verify !== 'function') {
    throw new ConfigurationError(
      'csrf needs both functions: token(req) for the forms and verify(req) for what they send.',
    )
  }
  return { field, token: (req) => hook.token(req), verify: (req) => hook.verify(req) }
}
