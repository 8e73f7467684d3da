CREATE TABLE IF NOT EXISTS settings (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS users (
  id            INTEGER PRIMARY KEY,
  username      TEXT NOT NULL UNIQUE,
  is_staff      INTEGER NOT NULL,
  password_salt BLOB NOT NULL,
  password_hash BLOB NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS sessions (
  id         TEXT PRIMARY KEY,
  data       TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS sessions_expire ON sessions (expires_at);

CREATE TABLE IF NOT EXISTS products (
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL,
  maker       TEXT NOT NULL,
  category    TEXT NOT NULL,
  picture     TEXT NOT NULL,
  description TEXT NOT NULL,
  price_cents INTEGER NOT NULL,
  weight_g    INTEGER NOT NULL,
  stock       INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS customers (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  town TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS reviews (
  id          INTEGER PRIMARY KEY,
  product_id  INTEGER NOT NULL REFERENCES products,
  customer_id INTEGER NOT NULL REFERENCES customers,
  stars       INTEGER NOT NULL,
  text        TEXT NOT NULL,
  written_on  TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS reviews_of_product ON reviews (product_id);
