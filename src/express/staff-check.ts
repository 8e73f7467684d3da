import type { Request } from 'express'

/** The option `isStaff`. */
export type StaffCheck = (req: Request) => boolean | Promise<boolean>

/** Whether `isStaff` accepts a request. An error counts as no, and is logged by the dashboard only. */
export function passesStaffCheck(isStaff: StaffCheck, req: Request): boolean | Promise<boolean> {
  try {
    const result: unknown = isStaff(req)
    if (typeof result !== 'object' || result === null) return result === true
    return Promise.resolve(result as Promise<unknown>).then(
      (settled) => settled === true,
      () => false,
    )
  } catch {
    return false
  }
}
