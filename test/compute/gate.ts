/** Blocks its visitors until it is opened, and notifies when one has reached it. */
export class Gate {
  #open!: () => void
  #arrive!: () => void
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve
  })
  readonly #arrived = new Promise<void>((resolve) => {
    this.#arrive = resolve
  })

  /** Waits here until it is opened. */
  pass(): Promise<void> {
    this.#arrive()
    return this.#opened
  }

  /** Resolves once somebody waits. */
  reached(): Promise<void> {
    return this.#arrived
  }

  open(): void {
    this.#open()
  }
}
