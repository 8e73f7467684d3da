/** What stands for a name in a table of words. Names come from anywhere: those of every object's own are none. */
export function labelOf(words: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(words, name) ? words[name] : undefined
}
