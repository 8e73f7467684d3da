import { Router } from 'express'
import { formatCents, parseCents } from '../money.js'
import { callsSoFar } from '../trace.js'

const CATEGORIES = { kitchen: 'Kitchen', desk: 'Desk', garden: 'Garden', travel: 'Travel' }

const isCategory = (text) => typeof text === 'string' && Object.hasOwn(CATEGORIES, text)

export function productRoutes(catalogue) {
  const router = Router()

  router.get('/', async (req, res, next) => {
    const { category } = req.query
    if (category !== undefined && !isCategory(category)) return next()
    const products = await catalogue.products(category)
    res.render('products', {
      title: CATEGORIES[category] ?? 'Everything',
      categories: CATEGORIES,
      category,
      products,
    })
  })

  router.param('id', async (req, _res, next, id) => {
    // `next('route')` leads to the page for what does not exist.
    if (!/^[1-9]\d{0,8}$/.test(id)) return next('route')
    req.product = await catalogue.product(Number(id))
    next(req.product ? undefined : 'route')
  })

  router.get('/products/:id', async (req, res) => {
    const { product } = req
    const [reviews, parcel] = await Promise.all([catalogue.reviews(product.id), catalogue.parcel(product.id)])
    res.render('product', { title: product.name, product, reviews, parcel, categories: CATEGORIES })
  })

  router.get('/products/:id/edit', staffOnly, (req, res) => {
    const { name, description, price_cents: cents, stock } = req.product
    const fields = { name, description, price: (cents / 100).toFixed(2), stock: String(stock) }
    res.render('edit', { title: `Edit ${name}`, product: req.product, fields, errors: {} })
  })

  router.post('/products/:id/edit', staffOnly, async (req, res) => {
    const { id } = req.product
    const { fields, errors, changes } = parseProduct(req.body)
    if (Object.keys(errors).length > 0) {
      res
        .status(422)
        .render('edit', { title: `Edit ${req.product.name}`, product: req.product, fields, errors })
      return
    }
    await catalogue.change(id, changes)
    // After a change, delete: `save` has deleted the product and its reviews, so the lists that show it remain.
    await req.cache.delete('catalogue', { children: true })

    const text = `Saved. ${changes.name} costs ${formatCents(changes.price_cents)} now.`
    req.session.notice = { text, calls: callsSoFar() }
    res.redirect(303, `/products/${id}`)
  })

  return router
}

function staffOnly(req, res, next) {
  if (req.user?.is_staff === true) next()
  else if (req.user) {
    const text = 'Only staff may change what is sold. The account called “staff” may.'
    res.status(403).render('error', { title: 'Not for customers', text })
  } else res.redirect(303, `/login?next=${encodeURIComponent(req.originalUrl)}`)
}

/** Checks the form: returns the fields as typed, their errors, and the changes of the row. */
function parseProduct(body = {}) {
  const field = (name) => (typeof body[name] === 'string' ? body[name].trim() : '')
  const fields = {
    name: field('name'),
    description: field('description'),
    price: field('price'),
    stock: field('stock'),
  }
  const cents = parseCents(fields.price)
  const errors = {}
  if (fields.name === '' || fields.name.length > 80) errors.name = 'One to 80 characters, please.'
  if (fields.description.length > 1000) errors.description = 'At most 1,000 characters, please.'
  if (!cents) errors.price = 'A price such as 24.90, please.'
  if (!/^\d{1,4}$/.test(fields.stock)) errors.stock = 'A whole number up to 9999, please.'
  const { name, description, stock } = fields
  return { fields, errors, changes: { name, description, price_cents: cents, stock: Number(stock) } }
}
