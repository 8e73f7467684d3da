import { Router } from 'express'
import { DEMO_ACCOUNTS } from '../accounts.js'
import { localPath } from '../local-path.js'

export function accountRoutes(authenticator) {
  const router = Router()

  const showForm = (res, { next, username = '', failed = false }) =>
    res.render('login', {
      title: 'Sign in',
      next: localPath(next),
      username,
      failed,
      accounts: DEMO_ACCOUNTS,
    })

  router.get('/login', (req, res) => showForm(res, { next: req.query.next }))

  router.post('/login', (req, res, next) => {
    const { username, next: wanted } = req.body ?? {}
    authenticator.authenticate('local', (error, user) => {
      if (error) return next(error)
      if (!user)
        return showForm(res.status(401), { next: wanted, username: String(username ?? ''), failed: true })
      // Passport gives the session a new id here, so that one planted before is worth nothing.
      req.login(user, (failure) => (failure ? next(failure) : res.redirect(303, localPath(wanted))))
    })(req, res, next)
  })

  router.post('/logout', (req, res, next) => {
    req.logout((error) => (error ? next(error) : res.redirect(303, '/')))
  })

  return router
}
