/** Bytes that are not a value: damaged, foreign, forged, or written by something newer. To the cache a miss. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}
