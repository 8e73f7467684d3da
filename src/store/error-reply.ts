/** Whether a store failure is an error that the server has answered with: the operation has not run, and will not run later. */
export function isErrorReply(error: unknown): boolean {
  const cause = (error as Error | null | undefined)?.cause
  return cause instanceof Error && cause.name === 'ReplyError'
}
