/** The value that all contenders store: a row of a database, as JSON because most peers store JSON. */
export const VALUE = {
  id: 4711,
  sku: 'SKU-004711',
  name: 'Ergonomic chair no. 269',
  price: 14762.86,
  currency: 'EUR',
  stock: 1,
  active: true,
  createdAt: '2023-11-14T22:13:20.000Z',
  tags: ['office', 'chair', 'steel'],
  category: { id: 4, name: 'Chairs', path: 'furniture/chairs' },
  rating: { average: 0.7, count: 47 },
  description: null,
}
