/** Kinds of characters: nothing of interest, part of a word, a word that may begin a token, a sign. */
export const NOTHING = 0
export const WORD = 1
export const FIRST = 2
export const SIGN = 3

const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (/[abeghnrspwxyAWSNBP]/.test(character)) return FIRST
  if (/[\w$]/.test(character)) return WORD
  return /[[{}\n\r"'`:=,%<>/&;()?#|-]/.test(character) ? SIGN : NOTHING
})

/** The kind of a character code. A full-width colon or equals sign is a sign, too. */
export function kindOf(code: number): number {
  if (code < 128) return KINDS[code] as number
  return code === 0xff1a || code === 0xff1d ? SIGN : WORD
}

/** Signs that end a name and mean nothing else. */
export const DELIMITERS = '&;()?#|'

export const BLANK = /\s/
