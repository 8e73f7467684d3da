import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Libsql from 'libsql'
import { seed } from './seed.js'

/** Where the shop keeps its database file: `SHOP_DATA_DIR`, or `data/` beside this file. */
const directory = process.env.SHOP_DATA_DIR ?? join(import.meta.dirname, 'data')

/**
 * Opens the shop's SQLite file, and fills it when it is new. All workers share the one file.
 * The functions take SQL with `?` and the values for it: never build SQL from what a visitor sent.
 */
export function openDatabase() {
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'shop.db')
  const connection = new Libsql(file)
  // In WAL mode readers do not wait for a writer. Another process may be filling the file: wait for it.
  connection.exec('PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  connection.exec('PRAGMA foreign_keys = ON')

  const db = {
    file,
    rows: (sql, ...values) => connection.prepare(sql).all(...values),
    row: (sql, ...values) => db.rows(sql, ...values)[0],
    run: (sql, ...values) => connection.prepare(sql).run(...values).changes,
    close: () => connection.close(),
  }

  const prepare = connection.transaction(() => {
    connection.exec(readFileSync(join(import.meta.dirname, 'schema.sql'), 'utf8'))
    seed(db)
  })
  prepare.immediate()
  // From now on writes are short.
  connection.exec('PRAGMA busy_timeout = 5000')
  return db
}

export function setting(db, name) {
  return db.row('SELECT value FROM settings WHERE name = ?', name)?.value
}
