import passport from 'passport'
import { Strategy } from 'passport-local'
import { hashPassword, isPasswordOf } from './passwords.js'

/** Accounts to try the shop with. The login page shows them; a real shop has none. */
export const DEMO_ACCOUNTS = [
  { username: 'staff', password: 'staff-demo', isStaff: true },
  { username: 'customer', password: 'customer-demo', isStaff: false },
]

export function seedAccounts(db) {
  for (const { username, password, isStaff } of DEMO_ACCOUNTS) {
    const { salt, hash } = hashPassword(password)
    db.run(
      'INSERT INTO users (username, is_staff, password_salt, password_hash) VALUES (?, ?, ?, ?)',
      username,
      isStaff ? 1 : 0,
      salt,
      hash,
    )
  }
}

/** Signs in users of the users table. `req.user` is `{ id, username, is_staff }`; the dashboard checks `is_staff`. */
export function createAuthenticator(db) {
  const authenticator = new passport.Passport()

  authenticator.use(
    new Strategy((username, password, done) => {
      const user = db.row('SELECT * FROM users WHERE username = ?', username)
      isPasswordOf(user, password).then((right) => done(null, right ? user : false), done)
    }),
  )
  authenticator.serializeUser((user, done) => done(null, user.id))
  authenticator.deserializeUser((id, done) => {
    const user = db.row('SELECT id, username, is_staff FROM users WHERE id = ?', id)
    done(null, user ? { ...user, is_staff: user.is_staff === 1 } : false)
  })
  return authenticator
}
