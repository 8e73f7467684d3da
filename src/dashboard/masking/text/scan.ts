import type { SecretNames } from '../secret-names.js'
import type { Edit } from './edits.js'

/** Work in small steps. Each `yield` is a place where the caller may let other work have its turn. */
export type Steps<Result> = Generator<undefined, Result, undefined>

/** Maximum number of characters between two such places. */
export const STEP = 4_096

/** One text that is searched for secrets. */
export interface TextScan {
  readonly text: string
  readonly secrets: SecretNames
  /** Secrets that were found so far, in no order. */
  readonly edits: Edit[]
  /** Masks a decoded text that was found within this one. */
  readonly inner: (text: string) => Steps<string>
}
