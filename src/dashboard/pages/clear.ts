import type { Page } from '../handler-result.js'
import type { PageRequest } from '../page-request.js'
import { keys } from '../rendering/figures.js'
import { changeAsStaff, countOrUnknown } from './parts/changing.js'
import { resultPage } from './parts/result.js'

/** The form to delete everything; it requires the prefix, typed in full. */
export async function clearForm(request: PageRequest): Promise<Page> {
  return formPage(request)
}

export async function clearNow(request: PageRequest): Promise<Page> {
  const { keyPrefix } = request.cache
  if (request.parameters.text('prefix') !== keyPrefix) {
    const error = `The prefix does not match. Type ${keyPrefix} exactly.`
    return { ...(await formPage(request, error)), status: 400 }
  }
  const everything = { action: 'clear', key: undefined, children: true } as const
  const change = await changeAsStaff(request, everything, async (own) =>
    (await own.clear()) ? 'deleted' : 'failed',
  )
  return resultPage(request, change)
}

async function formPage({ cache }: PageRequest, error?: string): Promise<Page> {
  const counted = await countOrUnknown(cache)
  return { view: 'clear', title: 'Delete everything', data: { counted: counted && keys(counted), error } }
}
