import type { Request } from 'express'

export type StaffCheck = (req: Request) => boolean | Promise<boolean>

/** Whether it is one of staff. A check that fails is a no, here: the dashboard logs it. */
export function isOfStaff(isStaff: StaffCheck, req: Request): boolean | Promise<boolean> {
  try {
    const answer: unknown = isStaff(req)
    if (typeof answer !== 'object' || answer === null) return answer === true
    return Promise.resolve(answer as Promise<unknown>).then(
      (is) => is === true,
      () => false,
    )
  } catch {
    return false
  }
}
