import { expectTypeOf, test } from 'vitest'
import { CachedObject } from '../../src/model/cached-object.js'

/** A test for the compiler: it does not run. */
const compiles = (_: (...given: never[]) => unknown) => () => {}

abstract class Shape {
  static readonly kinds = 2
  constructor(
    readonly id: number,
    readonly name: string,
  ) {}
  abstract area(): number
}

class Square extends CachedObject(Shape) {
  constructor(
    id: number,
    readonly side: number,
  ) {
    super(id, 'square')
  }
  override area() {
    return this.side ** 2
  }
}

class Tile extends Square {
  readonly colour = 'red'
}

class Account extends CachedObject({ name: 'account' }) {
  readonly #pin: string
  private constructor(
    readonly id: string,
    pin: string,
  ) {
    super()
    this.#pin = pin
  }
  override toCache() {
    return { id: this.id, pin: this.#pin }
  }
  static override fromCache({ id, pin }: ReturnType<Account['toCache']>) {
    return new Account(id, pin)
  }
}

class Box<T> {
  constructor(
    readonly id: string,
    readonly content: T,
  ) {}
}

class Parcel extends CachedObject(Box<string>) {}

const { any } = JSON.parse('{}')

test(
  'findCached returns the type of its loader',
  compiles(async (mayBe: (id: number) => Promise<Square | undefined>) => {
    expectTypeOf(await Square.findCached(1, (id) => new Square(id, 2))).toEqualTypeOf<Square>()
    expectTypeOf(await Square.findCached(1, mayBe)).toEqualTypeOf<Square | undefined>()
    expectTypeOf(await Square.findCached(1, () => any as Square | null)).toEqualTypeOf<Square | null>()
    expectTypeOf(await Square.findCached(1, () => undefined)).toEqualTypeOf<Square | undefined>()
    expectTypeOf(await Square.findCached(1, () => any)).toEqualTypeOf<Square | null | undefined>()
    expectTypeOf(await Tile.findCached(1, (id) => new Tile(id, 2))).toEqualTypeOf<Tile>()
    expectTypeOf(await Account.findCached('ada', () => undefined)).toEqualTypeOf<Account | undefined>()
    expectTypeOf(await Parcel.findCached('a', (id) => new Parcel(id, 'tea'))).toEqualTypeOf<Parcel>()

    // @ts-expect-error: looks like one, but is none
    await Square.findCached(1, () => ({ id: 1 }))
    // @ts-expect-error: a square need not be a tile
    await Tile.findCached(1, mayBe)
    // @ts-expect-error: an id that mayBe does not take
    await Square.findCached('one', mayBe)
    // @ts-expect-error: nothing that could be in a key
    await Square.findCached(() => 1, mayBe)
    // @ts-expect-error: ttl is what is meant
    await Square.findCached(1, mayBe, { tll: '1h' })
  }),
)

test(
  'the loader and validate get objects of the class',
  compiles(async () => {
    await Square.findCached(1, (id, { previous, notModified, skip }) => {
      expectTypeOf(id).toEqualTypeOf<number>()
      expectTypeOf(previous).toEqualTypeOf<Square | undefined>()
      expectTypeOf(notModified()).toEqualTypeOf<Square>()
      return skip(new Square(id, 2))
    })
    await Square.findCached({ x: 1, y: 2 }, ({ x, y }) => new Square(x, y), {
      validate: (square) => square.side > 0,
    })
  }),
)

test(
  'objects are of their class',
  compiles(async (square: Square, tile: Tile, parcel: Parcel) => {
    expectTypeOf(await square.cacheGet()).toEqualTypeOf<Square | undefined>()
    expectTypeOf(await tile.cacheGet()).toEqualTypeOf<Tile | undefined>()
    expectTypeOf(await square.cacheGet('area')).toEqualTypeOf<unknown>()
    expectTypeOf(await square.cacheGet<number>('area')).toEqualTypeOf<number | undefined>()
    expectTypeOf(parcel.content).toEqualTypeOf<string>()
  }),
)

test(
  'the type of a class is unchanged',
  compiles(() => {
    expectTypeOf(Square.kinds).toEqualTypeOf<number>()
    expectTypeOf(Parcel).constructorParameters.toEqualTypeOf<[id: string, content: string]>()
    // @ts-expect-error: area() is still to be written
    class Round extends CachedObject(Shape) {}
    // @ts-expect-error: a constructor of two
    new Parcel('a')
    // @ts-expect-error: ttl is what is meant
    CachedObject(Round, { tll: '1h' })
    CachedObject(undefined, { ttl: '1h' })
  }),
)
