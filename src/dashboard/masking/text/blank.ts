export const BLANK = /\s/
