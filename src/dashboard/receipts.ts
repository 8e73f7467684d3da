import { randomBytes } from 'node:crypto'

/** What was done, for the page that follows it. */
export interface Receipt {
  readonly action: 'delete' | 'clear'
  /** The key's text; of `clear`, the prefix. */
  readonly what: string
  readonly children: boolean
  readonly found: boolean
  /** Live keys just before, and whether there may have been more. */
  readonly counted: { readonly keys: number; readonly more: boolean } | undefined
  readonly at: number
  readonly user: string | undefined
}

const MAX_RECEIPTS = 200

/** The last actions of this process. Only what it knows itself is shown as done: an address alone proves nothing. */
export class Receipts {
  readonly #kept = new Map<string, Receipt>()

  add(receipt: Receipt): string {
    const id = randomBytes(12).toString('base64url')
    this.#kept.set(id, receipt)
    if (this.#kept.size > MAX_RECEIPTS) this.#kept.delete(this.#kept.keys().next().value as string)
    return id
  }

  get(id: string): Receipt | undefined {
    return this.#kept.get(id)
  }
}
