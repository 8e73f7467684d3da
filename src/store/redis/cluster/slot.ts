export const SLOTS = 16_384

/** CRC-16/XMODEM of each byte. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80_00 ? (crc << 1) ^ 0x10_21 : crc << 1
  return crc
})

/**
 * Slot of a name in a Redis Cluster: that of its hash tag, if it has one.
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
 */
export function slotOf(name: string): number {
  const begin = name.indexOf('{')
  const end = begin < 0 ? -1 : name.indexOf('}', begin + 1)
  // Empty braces are no tag.
  return end > begin + 1 ? crcOf(name, begin + 1, end) % SLOTS : crcOf(name, 0, name.length) % SLOTS
}

function crcOf(name: string, begin: number, end: number): number {
  let crc = 0
  for (let index = begin; index < end; index++) {
    const code = name.charCodeAt(index)
    // Of other texts the bytes in UTF-8 count.
    if (code > 127) return crcOfBytes(Buffer.from(name.slice(begin, end)))
    crc = next(crc, code)
  }
  return crc
}

function crcOfBytes(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) crc = next(crc, byte)
  return crc
}

function next(crc: number, byte: number): number {
  return ((crc << 8) & 0xff_ff) ^ (TABLE[(crc >> 8) ^ byte] as number)
}
