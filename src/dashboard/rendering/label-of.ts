/** The label of a name, or `undefined`. Names come from other processes, so those of `Object.prototype` have none. */
export function labelOf(labels: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined
}
