import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Whether a folder holds the views of the dashboard. */
export function hasViews(folder: string): boolean {
  return existsSync(join(folder, 'overview.ejs'))
}
