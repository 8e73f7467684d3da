import Module from 'node:module'

// Node resolves the `require` calls of the sources, without the aliases in vitest.config.ts.

const ALIASES: Readonly<Record<string, string>> = { express: 'express4', ioredis: 'ioredis6' }

type Resolve = (request: string, ...rest: unknown[]) => string

const modules = Module as unknown as { _resolveFilename: Resolve & { aliased?: true } }

// Test files share a process, and each runs this.
if (!modules._resolveFilename.aliased) {
  const original = modules._resolveFilename
  const resolve: Resolve = function (this: unknown, request, ...rest) {
    return original.call(this, ALIASES[request] ?? request, ...rest)
  }
  modules._resolveFilename = Object.assign(resolve, { aliased: true as const })
}
