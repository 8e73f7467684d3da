import type { Request } from 'express'
import { ConfigurationError } from '../errors.js'
import { describeValue } from '../key/describe-value.js'
import { aBoolean, aFunction, aList, aText } from '../option-checks.js'
import { OptionsReader } from '../options-reader.js'
import type { RequestOrigin } from '../tiers/request-scope.js'
import type { AuditEvent } from './access/audit.js'
import { hasViews } from './has-views.js'
import { type RedactOption, type SecretName, SecretNames } from './masking/secret-names.js'
import { mountPath } from './mount-path.js'

/** Options of the dashboard. */
export interface DashboardOptions {
  /**
   * Path at which the middleware serves the dashboard. To mount it elsewhere, or at a path with parameters, write
   * `dashboard: false` and `app.use('/:tenant/cache', handler.dashboard())`.
   * @default '/cache'
   */
  path?: string | undefined
  /**
   * Whether a request was made by staff. Only `true`, or a promise of `true`, opens the dashboard; an error, or no result
   * within 10 seconds, does not. The middleware calls it for the headers of staff, too: see `staffHeaders`.
   * @default (req) => req.user?.is_staff === true
   * @example (req) => req.user?.role === 'admin'
   */
  isStaff?: ((req: Request) => boolean | Promise<boolean>) | undefined
  /**
   * Page to which requests without a signed-in user are redirected: a path or an http(s) URL. The address that was
   * requested is added as the parameter `next`.
   * @default none: the answer is a page with status 401
   * @example '/login'
   */
  loginUrl?: string | undefined
  /**
   * Whether the dashboard only shows, and cannot delete or expire anything.
   * @default false
   */
  readOnly?: boolean | undefined
  /**
   * Names whose values are masked: as properties, as parts of keys and in texts. An array adds names to the default list;
   * `{ only: […] }` replaces the list. A string matches anywhere in a name, in any case and with any separators
   * (`'api key'` in `X-Api-Key`), and across a property and its holder (`api: { key }`). A string of up to four letters
   * matches a whole word of a name. A regular expression is tested against the first 1,000 characters of a name.
   * @default []
   * @example ['iban', /^x-internal/i]
   */
  redact?: RedactOption | undefined
  /**
   * Whether the dashboard shows no values at all.
   * @default false
   */
  hideValues?: boolean | undefined
  /**
   * Folder with the dashboard's views and assets: a copy of the folder `views` of this package, needed where the
   * application is a bundle. An absolute path, or one relative to the working directory.
   * @default the package's own
   * @throws ConfigurationError for a folder without the views
   */
  views?: string | undefined
  /**
   * Further origins whose pages may submit the forms of the dashboard.
   * @default []
   * @example ['https://admin.example.com']
   */
  origins?: readonly string[] | undefined
  /**
   * CSRF token of the application, for an application that requires one. The dashboard's own check of the origin stays.
   * @default none
   */
  csrf?: CsrfHook | undefined
  /**
   * Returns the origin of a request, for the record of invalidations. An error is recorded in its place.
   * @default the option `audit` of the middleware
   */
  audit?: ((req: Request) => RequestOrigin) | undefined
  /**
   * Called after each invalidation that was made on the dashboard. The page waits for it, 1 second at most; an error is
   * logged.
   * @default none
   */
  onAudit?: ((event: AuditEvent) => void | Promise<void>) | undefined
}

/** How the dashboard's forms carry a CSRF token of the application. */
export interface CsrfHook {
  /**
   * Name of the hidden form field.
   * @default '_csrf'
   */
  field?: string | undefined
  /** Returns the token for a form. `req.res` is the response, where a cookie has to be set. */
  token(req: Request): string | Promise<string>
  /** Returns whether a submitted form has a valid token. The fields of the form are in `req.body`. */
  verify(req: Request): boolean | Promise<boolean>
}

const DASHBOARD_OPTIONS = new OptionsReader<DashboardOptions>('dashboard option', {
  path: (value) => void mountPath(value),
  isStaff: aFunction,
  loginUrl(value, name) {
    aText(value, name)
    if (/^(https?:\/\/[^/]|\/(?![/\\]))[^\s\\]*$/.test(value as string)) return
    throw new ConfigurationError(
      `${name} must be a path like '/login' or an http(s) URL, not ${describeValue(value)}.`,
    )
  },
  readOnly: aBoolean,
  redact(value, name) {
    if (typeof value === 'object' && !Array.isArray(value)) {
      aList(REDACT.take(value as { only: readonly SecretName[] }).only, name)
    }
    new SecretNames(value as RedactOption)
  },
  hideValues: aBoolean,
  views(value, name) {
    aText(value, name)
    if (hasViews(value as string)) return
    throw new ConfigurationError(
      `${name} is ${describeValue(value)}, where no views are: copy the folder views of the package keyedcache there.`,
    )
  },
  origins(value, name) {
    aList(value, name)
    for (const origin of value as readonly unknown[]) parseOrigin(origin)
  },
  csrf(value) {
    const { token, verify } = CSRF.take(value as CsrfHook)
    if (token !== undefined && verify !== undefined) return
    throw new ConfigurationError(
      'csrf needs two functions: token(req) for the forms, and verify(req) for submitted changes.',
    )
  },
  audit: aFunction,
  onAudit: aFunction,
})

const REDACT = new OptionsReader<{ readonly only: readonly SecretName[] }>(
  'option',
  { only: aList },
  'redact',
)

const CSRF = new OptionsReader<CsrfHook>(
  'option',
  { field: aText, token: aFunction, verify: aFunction },
  'csrf',
)

/** Whether this is the name of an option of the dashboard. */
export function isDashboardOption(name: string): boolean {
  return DASHBOARD_OPTIONS.knows(name)
}

/** @throws ConfigurationError for an unknown option or a wrong value, with what to write */
export function takeDashboardOptions(given: DashboardOptions | undefined): DashboardOptions {
  return DASHBOARD_OPTIONS.take(given)
}

/** @throws ConfigurationError for anything but an http(s) origin */
export function parseOrigin(given: unknown): string {
  const origin = typeof given === 'string' && URL.canParse(given) ? new URL(given).origin : 'null'
  if (/^https?:/.test(origin) && String(given).replace(/\/$/, '').split('/').length === 3) return origin
  throw new ConfigurationError(
    `origins contains ${describeValue(given)}. An origin looks like 'https://admin.example.com'.`,
  )
}
