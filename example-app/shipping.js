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
 * Returns a function that gets the price of a parcel from the carrier, whose server is slow. A quote is cached for all
 * callers with the same arguments; concurrent calls make one request.
 */
export function shippingQuotes(cache) {
  return cache.cached(fetchQuote, { name: 'shippingQuote', ttl: '10m' })
}

/** Stands for a request to the carrier's server. */
async function fetchQuote(weight, country, zipcode) {
  await sleep(800)
  const zone = Object.keys(COUNTRIES).indexOf(country)
  const remote = zipcode.endsWith('9')
  return {
    priceCents: 390 + 85 * zone + Math.round(weight * 120) + (remote ? 250 : 0),
    days: 1 + Math.ceil(zone / 3) + (remote ? 1 : 0),
    quotedAt: new Date(),
  }
}

/** Checks the visitor's parameters. `?country=CZ&country=DE` would be an array. */
export function parseShipment(query) {
  const field = (name) => (typeof query[name] === 'string' ? query[name].trim() : '')
  const country = field('country')
  const kilograms = Number(field('weight').replace(',', '.'))
  const code = field('zipcode').toUpperCase().replaceAll(' ', '')
  const errors = {}
  if (!(kilograms > 0 && kilograms <= 30)) errors.weight = 'A weight from 0.1 to 30 kg, please.'
  if (!Object.hasOwn(COUNTRIES, country)) errors.country = 'We do not deliver there yet.'
  if (!/^[A-Z0-9-]{3,10}$/.test(code)) errors.zipcode = 'Three to ten letters and digits, please.'
  // Carriers charge by the half kilogram; with rounding, many parcels share one quote.
  return { shipment: { weight: Math.ceil(kilograms * 2) / 2, country, zipcode: code }, errors }
}
