import type { Request, Response } from 'express'
import { readForm } from '../http/form.js'
import { HttpError } from '../http/http-error.js'
import type { ResolvedDashboard } from '../resolved-options.js'
import { requireSameOrigin } from './same-origin.js'

/**
 * Returns the fields of a submitted form, after a check that a page of the dashboard submitted it.
 * @throws HttpError for another origin, an invalid CSRF token, and anything but a form
 */
export async function submittedChange(
  req: Request,
  res: Response,
  { origins, csrf }: Pick<ResolvedDashboard, 'origins' | 'csrf'>,
): Promise<[name: string, value: unknown][]> {
  requireSameOrigin(req, origins)
  const fields = await readForm(req, res)
  if (csrf && (await csrf.verify(req)) !== true) {
    throw new HttpError(
      403,
      'The change was refused: the CSRF token is missing or has expired.',
      'Nothing was changed. Reload the form and submit it again.',
    )
  }
  return Object.entries(fields)
}
