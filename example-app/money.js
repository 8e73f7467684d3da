const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })

export function formatCents(cents) {
  return euros.format(cents / 100)
}

/** `24.90` or `24,9` in cents; `undefined` for anything else. Not by fractions: 0.1 + 0.2 is not 0.3. */
export function parseCents(text) {
  const [, whole, fraction = ''] = /^(\d{1,5})(?:[.,](\d{1,2}))?$/.exec(text.trim()) ?? []
  return whole === undefined ? undefined : Number(whole) * 100 + Number(fraction.padEnd(2, '0'))
}
