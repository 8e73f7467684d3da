/** A sample whose stated results are checked when it runs. */
export interface Checked {
  readonly code: string
  /** How many results are stated as values. */
  readonly values: number
}

const STATED = /^(.*?\S)?\s*\/\/ (→|:) (.*)$/
/** Up to the first `;` that stands in no text. */
const BEFORE_PROSE = /^(?:'[^']*'|[^;'])*/
const CLOSES = /^\s*[)\]}.?]/
const DECLARED = /^\s*(?:export )?(?:const|let) (\w+|\[[^\]=]*\]|\{[^}=]*\})(?:: [^=]+)? = /
const ASSIGNED = /^\s*([\w.]+) = /

/**
 * Turns results stated in comments into checks, line by line:
 *
 * - `// → value` after a statement, or alone on the next line: the value equals. A `…` in it stands for other
 *   properties; `throws NotCachedError` names the error; what follows `; ` is prose.
 * - `// : Type` after a declaration: its type is exactly that.
 *
 * @throws Error for a comment that no statement belongs to
 */
export function withChecks(code: string, name: string, isTyped: boolean): Checked {
  const lines = code.split('\n')
  let values = 0
  for (const [index, line] of lines.entries()) {
    const [, before, sign, stated] = STATED.exec(line) ?? []
    if (sign === undefined || stated === undefined) continue
    const last = before === undefined ? index - 1 : index
    if (before !== undefined) lines[index] = before
    else lines[index] = ''
    const first = beginOf(lines, last)
    if (first === undefined) throw new Error(`${name}: no statement before "// ${sign} ${stated}"`)
    if (sign === ':') {
      const declared = DECLARED.exec(lines[first] as string)?.[1]
      if (declared === undefined) throw new Error(`${name}: "// : ${stated}" must follow a declaration`)
      if (isTyped) lines[last] += `; checkType<Same<typeof ${declared}, ${stated}>>()`
      continue
    }
    check(lines, first, last, stated, `'${name}#${values}'`)
    values++
  }
  return { code: lines.join('\n'), values }
}

/** Line on which the statement that ends on `last` begins. */
function beginOf(lines: readonly string[], last: number): number | undefined {
  const end = lines[last]
  if (end === undefined || end.trim() === '') return undefined
  if (!CLOSES.test(end)) return last
  const indent = /^\s*/.exec(end)?.[0].length ?? 0
  for (let index = last - 1; index >= 0; index--) {
    const line = lines[index] as string
    const own = /^\s*/.exec(line)?.[0].length ?? 0
    if (line.trim() !== '' && own <= indent && !CLOSES.test(line)) return index
  }
  return undefined
}

function check(lines: string[], first: number, last: number, stated: string, id: string): void {
  const value = BEFORE_PROSE.exec(stated)?.[0] ?? stated
  const thrown = /^throws (\w+)$/.exec(value)?.[1]
  const isPartial = value.includes('…')
  const wanted = `() => (${value.replaceAll(/,?\s*…,?\s*/g, ' ')}), ${isPartial}`
  const begin = lines[first] as string
  const declared = DECLARED.exec(begin)?.[1] ?? ASSIGNED.exec(begin)?.[1]
  if (declared !== undefined && thrown === undefined) {
    lines[last] += `; checkValue(${id}, ${declared}, ${wanted})`
    return
  }
  const indent = /^\s*/.exec(begin)?.[0] ?? ''
  const statement = begin.slice(indent.length)
  const keyword = /^return /.exec(statement)?.[0] ?? ''
  lines[first] =
    indent +
    keyword +
    (thrown === undefined
      ? `;checkValue(${id}, (`
      : `;await checkThrows(${id}, '${thrown}', async () => (`
    ).slice(keyword === '' ? 0 : 1) +
    statement.slice(keyword.length)
  lines[last] += thrown === undefined ? `), ${wanted})` : '))'
}
