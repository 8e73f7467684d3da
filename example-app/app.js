import { join } from 'node:path'
import express from 'express'
import session from 'express-session'
import { keyedCache } from 'keyedcache'
import { createAuthenticator } from './accounts.js'
import { Catalogue } from './catalogue.js'
import { setting } from './database.js'
import { formatCents } from './money.js'
import { accountRoutes } from './routes/account.js'
import { productRoutes } from './routes/products.js'
import { shippingRoutes } from './routes/shipping.js'
import { Row } from './row.js'
import { sameOriginOnly } from './same-origin.js'
import { DatabaseSessionStore } from './session-store.js'
import { shippingQuotes } from './shipping.js'
import { trace } from './trace.js'

/** The shop as an Express application, and its caching, which must be closed when the shop stops. */
export function createApp(db) {
  Row.db = db
  const app = express()
  app.disable('x-powered-by')
  app.set('view engine', 'ejs')
  app.set('views', join(import.meta.dirname, 'views'))
  app.locals.formatCents = formatCents

  app.use(securityHeaders)
  app.use(express.static(join(import.meta.dirname, 'public')))
  app.use(trace)

  const authenticator = createAuthenticator(db)
  app.use(
    session({
      name: 'shop.session',
      secret: setting(db, 'session_secret'),
      store: new DatabaseSessionStore(db),
      cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto' },
      resave: false,
      saveUninitialized: false,
    }),
  )
  app.use(authenticator.session())

  // After the middleware that sets `req.user`: the dashboard at /cache/ is for staff, and shows who deleted what.
  const caching = keyedCache({ keyPrefix: 'shop', dashboard: { loginUrl: '/login' } })
  app.use(caching)

  app.use(pageLocals)
  app.use(sameOriginOnly)
  app.use(express.urlencoded({ extended: false, limit: '20kb' }))
  app.use(accountRoutes(authenticator))
  app.use(productRoutes(new Catalogue(db, caching.cache)))
  app.use(shippingRoutes(shippingQuotes(caching.cache)))

  app.use((_req, res) => {
    res.status(404).render('error', { title: 'Not found', text: 'There is nothing at this address.' })
  })
  app.use((error, _req, res, next) => {
    console.error(error)
    if (res.headersSent) return next(error)
    const status = error.status >= 400 && error.status < 500 ? error.status : 500
    res.status(status).render('error', { title: 'Something went wrong', text: 'We have made a note of it.' })
  })

  return { app, caching }
}

/** Sets what every page shows. A notice is shown once. */
function pageLocals(req, res, next) {
  res.locals.user = req.user
  res.locals.path = req.originalUrl
  res.locals.notice = req.session.notice
  delete req.session.notice
  next()
}

function securityHeaders(_req, res, next) {
  res.set({
    'Content-Security-Policy':
      "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
  })
  next()
}
