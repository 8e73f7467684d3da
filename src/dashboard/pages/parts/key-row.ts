import type { ListedEntry } from '../../../store/store.js'
import { maskKey } from '../../masking/mask-key.js'
import type { PageRequest } from '../../page-request.js'
import { future, past, size } from '../../rendering/figures.js'
import { linked } from './linked.js'

/** A live key as a table row. */
export function keyRow({ key, bytes, ttlMs, writtenAt, writtenBy }: ListedEntry, request: PageRequest) {
  const { now, secrets } = request
  return {
    ...linked(maskKey(key, secrets), request),
    size: size(bytes),
    expires: ttlMs > 0 ? future(ttlMs, now) : undefined,
    written: past(writtenAt, now),
    by: writtenBy,
  }
}

/** A live key as JSON. Times in milliseconds, `writtenAt` since the epoch. */
export function keyRowJson({ key, ...entry }: ListedEntry, { secrets }: PageRequest) {
  return { key: maskKey(key, secrets).text, ...entry }
}
