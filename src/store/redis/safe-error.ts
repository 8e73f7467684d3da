/** Properties of an error that explain it, and contain nothing that was sent. */
const COPIED = ['code', 'errno', 'syscall', 'address', 'port', 'host', 'hostname'] as const

/**
 * Copies an error without the arguments of the command that failed, which ioredis adds: the password of a login, or a
 * user's value.
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
  for (const name of COPIED) if (name in error) Object.assign(copy, { [name]: error[name as keyof Error] })
  if (command?.name !== undefined) copy.command = { name: command.name }
  return copy
}

/** Removes the arguments that Redis quotes for an unknown command, which may be a renamed login. */
export function withoutQuotes(message: string | undefined): string {
  return (message ?? '').replace(/,? ?with args beginning with:[^\n]*/g, '')
}
