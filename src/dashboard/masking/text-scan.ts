import type { Edit } from './edits.js'
import type { SecretNames } from './secret-names.js'

/** Work in small steps: each `yield` is a place to let others have their turn. */
export type Steps<Result> = Generator<undefined, Result, undefined>

/** Characters that are looked at between two of these places. */
export const STEP = 4_096

/** One text that is looked through for secrets. */
export interface Scan {
  readonly text: string
  readonly secrets: SecretNames
  /** What was found so far. */
  readonly edits: Edit[]
  /** Masks a text that lies within this one, decoded. */
  readonly inner: (text: string) => Steps<string>
}
