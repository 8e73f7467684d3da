import type { Request, Response } from 'express'
import { internalsOf, type KeyedCache } from '../cache.js'
import { routeOf } from '../request-origin.js'
import { RequestLog } from '../stats/request-log.js'
import { addHeaders } from './outgoing-headers.js'
import { passesStaffCheck, type StaffCheck } from './staff-check.js'
import { staffHeaders } from './staff-headers.js'

/** A request whose cache calls are recorded. */
export interface LoggedRequest {
  readonly log: RequestLog
  /** Ends the record. `aborted`: the client left before the response ended. */
  end(aborted: boolean): void
}

/**
 * Records the cache calls of a request that is in the sample or was made by staff; `undefined` for any other request.
 * Responses to staff get headers with a summary. While an asynchronous `isStaff` is undecided, the calls are recorded.
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
  const check = isStaff === undefined ? false : passesStaffCheck(isStaff, req)
  if (!isSampled && check === false) return undefined
  const log = new RequestLog()
  const route = routeOf(req)
  let isByStaff = check === true
  if (check !== false) addHeaders(res, () => (isByStaff && !log.isEmpty ? staffHeaders(log.summary) : []))
  if (check instanceof Promise) {
    void check.then((is) => {
      isByStaff = is
      if (!is && !isSampled) log.leaveOut()
    })
  }
  return {
    log,
    end(aborted) {
      const request = log.end({ route, status: res.statusCode, aborted })
      if (request && (isSampled || isByStaff)) internalsOf(cache).addRequest(request)
    },
  }
}
