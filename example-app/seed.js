import { randomBytes } from 'node:crypto'
import { seedAccounts } from './accounts.js'
import { CUSTOMERS, PRODUCTS, REVIEWS } from './seed-data.js'

/** Fills a new database: products, customers, reviews, the demo accounts, and a secret of this installation. */
export function seed(db) {
  if (db.row('SELECT id FROM products LIMIT 1')) return

  const sessionSecret = randomBytes(32).toString('hex')
  db.run("INSERT INTO settings (name, value) VALUES ('session_secret', ?)", sessionSecret)
  seedAccounts(db)

  for (const [name, town] of CUSTOMERS) db.run('INSERT INTO customers (name, town) VALUES (?, ?)', name, town)

  for (const { category, picture, name, maker, price, weight, stock, description } of PRODUCTS) {
    db.run(
      `INSERT INTO products (name, maker, category, picture, description, price_cents, weight_g, stock)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[name, maker, category, picture, description, price, weight, stock],
    )
  }

  for (const [picture, customer, stars, writtenOn, text] of REVIEWS) {
    const changes = db.run(
      `INSERT INTO reviews (product_id, customer_id, stars, written_on, text)
       SELECT products.id, customers.id, ?, ?, ? FROM products, customers
       WHERE products.picture = ? AND customers.name = ?`,
      ...[stars, writtenOn, text, picture, customer],
    )
    if (changes !== 1)
      throw new Error(`The review of ${picture} by ${customer} has no product or no customer.`)
  }
}
