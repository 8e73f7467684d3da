/** A row of a table as an object: a small active record, where a real shop has an ORM. It knows nothing of caching. */
export class Row {
  /** The database that all rows are in: set once, before the first of them is asked for. */
  static db
  /** What its subclasses say: their table, and its columns beside `id`. */
  static table
  static columns

  constructor(values) {
    Object.assign(this, values)
  }

  /** The row with this id as it stands in the database, or `undefined`. */
  static async load(id) {
    // biome-ignore lint/complexity/noThisInStatic: the class that is asked, a subclass.
    const row = this.db.row(`SELECT * FROM ${this.table} WHERE id = ?`, id)
    return row && new this(row)
  }

  /** Writes it to the database. A new one gets its id there. */
  async save() {
    const { db, table, columns } = this.constructor
    const values = columns.map((name) => this[name])
    if (this.id === undefined) {
      const places = columns.map(() => '?')
      const { id } = db.row(`INSERT INTO ${table} (${columns}) VALUES (${places}) RETURNING id`, ...values)
      this.id = id
    } else {
      const changes = columns.map((name) => `${name} = ?`)
      db.run(`UPDATE ${table} SET ${changes} WHERE id = ?`, ...values, this.id)
    }
    return this
  }
}
