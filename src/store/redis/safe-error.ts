/** What says more of an error than its message, and holds nothing that was sent. */
const KEPT = ['code', 'errno', 'syscall', 'address', 'port', 'host', 'hostname'] as const

/**
 * A copy of an error without the arguments of the command that failed, which ioredis adds: they are the password where
 * it is the login that failed, and a user's value where it is a write.
 */
export function withoutArguments(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const copy: Error & { command?: { readonly name: unknown } } =
    error instanceof AggregateError
      ? new AggregateError(error.errors.map(withoutArguments))
      : new Error(undefined, error.cause === undefined ? {} : { cause: withoutArguments(error.cause) })
  const { command } = error as { readonly command?: { readonly name?: unknown } }
  const shown = { message: withoutQuotes(error.message), name: error.name, stack: withoutQuotes(error.stack) }
  for (const [name, value] of Object.entries(shown)) {
    Object.defineProperty(copy, name, { value, configurable: true, writable: true })
  }
  for (const name of KEPT) if (name in error) Object.assign(copy, { [name]: error[name as keyof Error] })
  if (command?.name !== undefined) copy.command = { name: command.name }
  return copy
}

/** Redis quotes the arguments of a command that it does not know: that may be a login that was renamed. */
export function withoutQuotes(message: string | undefined): string {
  return (message ?? '').replace(/,? ?with args beginning with:[^\n]*/g, '')
}
