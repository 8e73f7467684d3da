import type { Request, RequestHandler } from 'express'

/** The `req.user` of an application; `undefined` leaves the request as it is. */
export type User = object | null | undefined

export const STAFF = { is_staff: true, username: 'anna' } as const
export const CUSTOMER = { is_staff: false, username: 'carl' } as const

const USERS: Readonly<Record<string, User>> = { staff: STAFF, customer: CUSTOMER }

/** Middleware that sets `req.user`, as a session would. */
export function signIn(user: User | ((req: Request) => User)): RequestHandler {
  return (req, _res, next) => {
    const found = typeof user === 'function' ? user(req) : user
    if (found !== undefined) Object.assign(req, { user: found })
    next()
  }
}

/** The header that {@link signInByHeader} reads: `staff` or `customer`. */
export const USER_HEADER = 'x-user'

export const signInByHeader = signIn((req) => USERS[req.get(USER_HEADER) ?? ''])

/** Reads the cookie `user`: `staff` or `customer`. */
export const signInByCookie = signIn((req) => USERS[/\buser=(\w+)/.exec(req.headers.cookie ?? '')?.[1] ?? ''])
