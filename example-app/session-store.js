import { Store } from 'express-session'

const DAY = 24 * 60 * 60 * 1000

/** Sessions in the shop's database, so that every worker knows who is signed in. */
export class DatabaseSessionStore extends Store {
  #db

  constructor(db) {
    super()
    this.#db = db
  }

  get(id, done) {
    answer(done, () => {
      const sql = 'SELECT data FROM sessions WHERE id = ? AND expires_at > ?'
      const found = this.#db.row(sql, id, Date.now())
      return found ? JSON.parse(found.data) : null
    })
  }

  set(id, session, done) {
    answer(done, () => {
      this.#db.run('DELETE FROM sessions WHERE expires_at <= ?', Date.now())
      const sql = 'INSERT OR REPLACE INTO sessions (id, data, expires_at) VALUES (?, ?, ?)'
      this.#db.run(sql, id, JSON.stringify(session), expiry(session))
    })
  }

  touch(id, session, done) {
    answer(done, () => {
      this.#db.run('UPDATE sessions SET expires_at = ? WHERE id = ?', expiry(session), id)
    })
  }

  destroy(id, done) {
    answer(done, () => {
      this.#db.run('DELETE FROM sessions WHERE id = ?', id)
    })
  }
}

function expiry(session) {
  return Date.now() + (session.cookie.originalMaxAge ?? DAY)
}

function answer(done, work) {
  let result
  try {
    result = work()
  } catch (error) {
    done?.(error)
    return
  }
  done?.(null, result)
}
