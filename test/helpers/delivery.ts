import type { Socket } from 'node:net'

/** How bytes are delivered. */
export type DeliveryMode =
  | { readonly kind: 'pass' }
  | { readonly kind: 'hold' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'garble' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'trickle'; readonly bytes: number; readonly everyMs: number }

interface Part {
  readonly bytes: Buffer
  readonly sentAt: number
}

/** Bytes of a reply before its connection is cut: fewer than the shortest has. */
const CUT_AFTER = 2

/** One direction of a connection. Bytes keep their order, whatever the mode and its changes. */
export class Delivery {
  readonly #to: Socket
  readonly #from: Socket
  readonly #mode: () => DeliveryMode
  readonly #parts: Part[] = []
  #timer: NodeJS.Timeout | undefined
  #isEnded = false

  constructor(to: Socket, from: Socket, mode: () => DeliveryMode) {
    this.#to = to
    this.#from = from
    this.#mode = mode
    to.on('close', () => clearTimeout(this.#timer))
  }

  send(bytes: Buffer): void {
    this.#parts.push({ bytes, sentAt: performance.now() })
    if (this.#timer === undefined) this.#deliver()
  }

  /** Closes the receiving end once everything is delivered. */
  end(): void {
    this.#isEnded = true
    if (this.#timer === undefined) this.#deliver()
  }

  /** Goes on by another mode. */
  resume(): void {
    clearTimeout(this.#timer)
    this.#deliver()
  }

  #deliver(): void {
    this.#timer = undefined
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      const mode = this.#mode()
      if (mode.kind === 'hold') return
      if (mode.kind === 'delay') {
        const remainingMs = part.sentAt + mode.ms - performance.now()
        if (remainingMs > 0) {
          this.#deliverIn(remainingMs)
          return
        }
      }
      this.#parts.shift()
      if (mode.kind === 'cut') {
        this.#to.write(part.bytes.subarray(0, CUT_AFTER))
        this.#to.destroySoon()
        this.#from.destroy()
        return
      }
      if (mode.kind === 'trickle' && part.bytes.length > mode.bytes) {
        this.#to.write(part.bytes.subarray(0, mode.bytes))
        this.#parts.unshift({ ...part, bytes: part.bytes.subarray(mode.bytes) })
        this.#deliverIn(mode.everyMs)
        return
      }
      this.#to.write(mode.kind === 'garble' ? garbled(part.bytes) : part.bytes)
    }
    if (this.#isEnded) this.#to.destroySoon()
  }

  #deliverIn(ms: number): void {
    this.#timer = setTimeout(() => this.#deliver(), ms)
  }
}

/** Bytes of which none is ASCII, so no reply begins in them. */
function garbled(bytes: Buffer): Buffer {
  return bytes.map((byte) => byte | 0x80) as Buffer
}
