import { Router } from 'express'
import { COUNTRIES, parseShipment } from '../shipping.js'

export function shippingRoutes(shippingQuote) {
  const router = Router()

  router.get('/shipping', async (req, res) => {
    const { weight, country, zipcode } = req.query
    const view = { title: 'Shipping', countries: COUNTRIES, fields: { weight, country, zipcode }, errors: {} }
    if (country === undefined) return res.render('shipping', { ...view, quote: undefined })

    const { shipment, errors } = parseShipment(req.query)
    if (Object.keys(errors).length > 0) {
      return res.status(422).render('shipping', { ...view, errors, quote: undefined })
    }
    const quote = await shippingQuote(shipment.weight, shipment.country, shipment.zipcode)
    res.render('shipping', { ...view, fields: shipment, quote })
  })

  return router
}
