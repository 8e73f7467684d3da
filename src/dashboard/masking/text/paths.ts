import { BLANK } from './blank.js'
import { type Cursor, MAX_USERINFO } from './cursor.js'
import { percentDecoded } from './percent.js'

/** Steps of a path that are pages and no secrets, such as the login below `/auth`. */
const PAGES =
  /^(log(in|out|off)|sign(in|up|out|-in|-up|-out)|register|callback|refresh|reset|forgot|forgotten|new|edit|create|update|delete|verify|confirm|change|list|index|me|settings|v\d+)$/i

const TWO_SLASHES = /\\{0,16}\/\\{0,16}\//y
const AUTHORITY = /[^\s/"'<>@&=;,?]{1,256}@[\w.-]{1,256}:\d/y

/** Maximum length of a step that is looked at. */
const MAX_STEP = 10_050

/** Position after two slashes, which some JSON texts escape; -1 where there are none. */
export function slashesEnd(text: string, at: number): number {
  TWO_SLASHES.lastIndex = at
  return TWO_SLASHES.test(text) ? TWO_SLASHES.lastIndex : -1
}

/** Masks what follows the name of a secret in a path, `/token/x`, and user information: `//user:password@host`. */
export function passSlash(cursor: Cursor, at: number): void {
  const { text, nameStart } = cursor
  const start = slashesEnd(text, at)
  if (start !== -1) {
    const limit = cursor.userinfoLimit(start)
    const end = limit === -1 ? -1 : userinfoEnd(text, start)
    if (end !== -1) cursor.mask(start, end)
    // A host is no step of a path.
    else cursor.at = cursor.nameStart = start
    return
  }
  const from = Math.max(nameStart, at - MAX_STEP)
  const isStep = from === 0 || (text[from - 1] === '/' && text[from - 2] !== '/')
  const step = text.slice(from, at)
  const { holder } = cursor
  cursor.nameStart = at + 1
  cursor.holder = undefined
  if (!isStep || step === '' || BLANK.test(step)) return
  const name = percentDecoded(step)
  if (cursor.scan.secrets.hasUnder(holder, name)) maskSteps(cursor, at + 1)
  else cursor.holder = name
}

/** Masks a path from its first step that may be a secret. */
function maskSteps(cursor: Cursor, start: number): void {
  const rest = cursor.text.slice(start)
  const stop = rest.search(/[\s?#&"'`<>,;|\\]/)
  const path = stop === -1 ? rest : rest.slice(0, stop)
  let at = start
  for (const step of path.split('/')) {
    if (step !== '' && !PAGES.test(step)) {
      cursor.mask(at, start + path.length)
      return
    }
    at += step.length + 1
  }
  cursor.at = cursor.nameStart = start + path.length
}

/** Masks user information where no scheme says what it is: `user:password@host:6379`. */
export function maskUserinfo(cursor: Cursor, start: number): void {
  const limit = cursor.userinfoLimit(start)
  if (limit === -1) return
  AUTHORITY.lastIndex = start
  if (AUTHORITY.test(cursor.text)) cursor.mask(start, limit)
}

/**
 * End of the user information in an address like `https://user:password@host`, or -1. A password may hold characters
 * that should have been escaped, so the last `@` counts.
 */
function userinfoEnd(text: string, start: number): number {
  const part = text.slice(start, start + MAX_USERINFO + 1)
  const stop = part.search(/[\s"'`<>\\]/)
  const address = stop === -1 ? part : part.slice(0, stop)
  const end = address.search(/[/?#]/)
  const authority = end === -1 ? address : address.slice(0, end)
  const at = authority.lastIndexOf('@')
  const hasPassword = authority.includes(':') && !/:\d{0,5}$/.test(authority)
  const last = at === -1 && hasPassword && !/[?&][^=&@]*=/.test(address) ? address.lastIndexOf('@') : at
  return last > 0 ? start + last : -1
}
