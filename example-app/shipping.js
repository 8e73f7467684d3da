import { setTimeout as sleep } from 'node:timers/promises'

export const COUNTRIES = {
  AT: 'Austria',
  CZ: 'Czechia',
  DE: 'Germany',
  FR: 'France',
  IE: 'Ireland',
  IT: 'Italy',
  NL: 'Netherlands',
  NO: 'Norway',
  PT: 'Portugal',
  SE: 'Sweden',
}

/**
 * A function that tells what it costs to send a parcel: the same as asking the carrier, who is slow. An answer holds
 * for a while, for all who ask with the same arguments, and many who ask at once ask the carrier once.
 */
export function shippingQuotes(cache) {
  return cache.cached(askCarrier, { name: 'shippingQuote', ttl: '10m' })
}

/** Stands for a request to somebody else's server. */
async function askCarrier(weight, country, zipcode) {
  await sleep(800)
  const zone = Object.keys(COUNTRIES).indexOf(country)
  const remote = zipcode.endsWith('9')
  return {
    priceCents: 390 + 85 * zone + Math.round(weight * 120) + (remote ? 250 : 0),
    days: 1 + Math.ceil(zone / 3) + (remote ? 1 : 0),
    quotedAt: new Date(),
  }
}

/** What a visitor asked for, checked, and what is wrong with it. `?country=CZ&country=DE` would be an array. */
export function parseShipment(query) {
  const field = (name) => (typeof query[name] === 'string' ? query[name].trim() : '')
  const country = field('country')
  const kilograms = Number(field('weight').replace(',', '.'))
  const code = field('zipcode').toUpperCase().replaceAll(' ', '')
  const errors = {}
  if (!(kilograms > 0 && kilograms <= 30)) errors.weight = 'A weight from 0.1 to 30 kg, please.'
  if (!Object.hasOwn(COUNTRIES, country)) errors.country = 'We do not deliver there yet.'
  if (!/^[A-Z0-9-]{3,10}$/.test(code)) errors.zipcode = 'Three to ten letters and digits, please.'
  // Carriers charge by the half kilogram; rounding also makes many parcels share one quote.
  return { shipment: { weight: Math.ceil(kilograms * 2) / 2, country, zipcode: code }, errors }
}
