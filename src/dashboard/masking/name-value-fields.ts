// Names and values are often kept in fields of their own: `{ name: 'Cookie', value: '…' }`, `{ fieldKey, fieldValue }`.

/** Fields that hold a name. */
export const NAME_FIELD =
  /^(?:.{0,30}(?:name|key)|k|id|type|label|header|field|param|parameter|variable|attribute|property|option|setting)$/i

/** Fields that hold the value for that name. */
export const VALUE_FIELD = /^(?:.{0,30}values?|val|v)$/i
