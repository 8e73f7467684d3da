import type { Request } from 'express'
import { within } from '../background.js'
import type { Logger } from '../store/failsafe.js'
import type { RequestOrigin } from '../tiers/request-scope.js'

/** Something that was deleted, or let expire, on the dashboard. */
export interface AuditEvent {
  readonly action: 'delete' | 'expire' | 'clear'
  /** The key's text; `undefined` for `clear`. */
  readonly key: string | undefined
  readonly children: boolean
  /** `absent` when nothing was there, `failed` when it did not surely reach the store. */
  readonly outcome: 'deleted' | 'expired' | 'absent' | 'failed'
  /** Method and path of the request. */
  readonly route: string | undefined
  readonly user: string | undefined
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Who is asking. A hook that fails must not keep a change from happening; the record says that it did. */
export function originOf(req: Request, audit: (req: Request) => RequestOrigin): RequestOrigin {
  try {
    const { route, user } = audit(req)
    return { route: nameOf(route), user: nameOf(user) }
  } catch (error) {
    const route = `${req.method} ${req.originalUrl.split('?', 1)[0]}`
    return { route, user: `unknown: audit failed with ${String(error)}` }
  }
}

/** Names are texts; a number, too, says who it is. */
export function nameOf(given: unknown): string | undefined {
  if (typeof given === 'string' || typeof given === 'number' || typeof given === 'bigint')
    return String(given)
  return undefined
}

/** How long a page waits for the application's record of what it did. */
const PATIENCE_MS = 1_000

/** Hands an event to the application's hook; whatever becomes of that, the page goes on. */
export async function notifyAudit(
  hook: (event: AuditEvent) => void | Promise<void>,
  event: AuditEvent,
  logger: Logger,
): Promise<void> {
  const told = (async () => hook(event))().catch((error: unknown) => {
    logger.warn(
      `keyedcache: onAudit failed on ${event.action} of "${event.key ?? 'everything'}": ${String(error)}`,
    )
  })
  await within(PATIENCE_MS, told)
}
