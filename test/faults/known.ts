/**
 * Cells of the table in which the cache does not yet do what it promises, each with the reason. Such a cell must fail: one
 * that is repaired is taken out of this list.
 */
export const KNOWN: Readonly<Record<string, string>> = {}

export function cellOf(fault: string, operation: string): string {
  return `${fault}: ${operation}`
}
