import type { Request, Response } from 'express'
import { internalsOf, type KeyedCache } from '../cache.js'
import { RequestLog } from '../stats/request-log.js'
import { routeOf } from './audit.js'
import { addHeaders } from './outgoing-headers.js'
import { isOfStaff, type StaffCheck } from './staff-check.js'
import { staffHeaders } from './staff-headers.js'

/** A request that is being taken down. */
export interface LoggedRequest {
  readonly log: RequestLog
  /** The response has ended, or its client had gone before. */
  end(aborted: boolean): void
}

/**
 * Takes a request down if it is one of the sample, or one of staff: those also get headers that tell what the cache
 * has done for them. A check that answers later keeps nobody waiting: until then the request is taken down in case.
 */
export function logRequest(
  cache: KeyedCache,
  req: Request,
  res: Response,
  isStaff: StaffCheck | undefined,
): LoggedRequest | undefined {
  const share = internalsOf(cache).requestLogShare
  if (share === 0) return undefined
  const isSampled = share === 1 || Math.random() < share
  const answer = isStaff === undefined ? false : isOfStaff(isStaff, req)
  if (!isSampled && answer === false) return undefined
  const log = new RequestLog()
  const route = routeOf(req)
  let isKnown = answer === true
  if (answer !== false) addHeaders(res, () => (isKnown && !log.isEmpty ? staffHeaders(log.summary) : []))
  if (answer instanceof Promise) {
    void answer.then((is) => {
      isKnown = is
      if (!is && !isSampled) log.leaveOut()
    })
  }
  return {
    log,
    end(aborted) {
      const request = log.end({ route, status: res.statusCode, aborted })
      if (request && (isSampled || isKnown)) internalsOf(cache).addRequest(request)
    },
  }
}
