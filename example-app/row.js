/** A row of a table as an object: a small active record without caching; a real shop uses an ORM. */
export class Row {
  /** The database of all rows: set once, before the first read. */
  static db
  /** Table of a subclass, and its columns besides `id`. */
  static table
  static columns

  constructor(values) {
    Object.assign(this, values)
  }

  /** Reads the row with this id from the database, or `undefined`. */
  static async load(id) {
    // biome-ignore lint/complexity/noThisInStatic: the class of the call, a subclass.
    const row = this.db.row(`SELECT * FROM ${this.table} WHERE id = ?`, id)
    return row && new this(row)
  }

  /** Writes the row to the database, which gives a new one its id. */
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
