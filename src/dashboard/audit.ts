import type { Request } from 'express'
import { within } from '../background.js'
import type { Logger } from '../store/failsafe.js'
import type { RequestOrigin } from '../tiers/request-scope.js'

/** An invalidation that staff made on the dashboard. */
export interface AuditEvent {
  readonly action: 'delete' | 'expire' | 'clear'
  /** The key's text; `undefined` for `clear`. */
  readonly key: string | undefined
  readonly children: boolean
  /** `absent`: there was nothing to invalidate. `failed`: the store did not confirm it. */
  readonly outcome: 'deleted' | 'expired' | 'absent' | 'failed'
  /** Method and path of the request. */
  readonly route: string | undefined
  readonly user: string | undefined
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Route and user of a request. A hook that fails does not prevent the change; the record then contains the failure. */
export function originOf(req: Request, audit: (req: Request) => RequestOrigin): RequestOrigin {
  try {
    const { route, user } = audit(req)
    return { route: nameOf(route), user: nameOf(user) }
  } catch (error) {
    const route = `${req.method} ${req.originalUrl.split('?', 1)[0]}`
    return { route, user: `unknown (audit failed: ${String(error)})` }
  }
}

/** A route or user name as text; numbers are accepted as ids. */
export function nameOf(given: unknown): string | undefined {
  if (typeof given === 'string' || typeof given === 'number' || typeof given === 'bigint')
    return String(given)
  return undefined
}

/** Maximum wait for the application's hook, in milliseconds. */
const PATIENCE_MS = 1_000

/** Calls the application's hook. A failure is logged, a slow hook is not waited for: the page continues in any case. */
export async function notifyAudit(
  hook: (event: AuditEvent) => void | Promise<void>,
  event: AuditEvent,
  logger: Logger,
): Promise<void> {
  const notified = (async () => hook(event))().catch((error: unknown) => {
    logger.warn(
      `keyedcache: onAudit failed for ${event.action} of "${event.key ?? 'everything'}": ${String(error)}`,
    )
  })
  await within(PATIENCE_MS, notified)
}
