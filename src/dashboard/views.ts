import { fileURLToPath } from 'node:url'
import ejs from 'ejs'
import express from 'express'

/** Two levels below the package's root, in `src` as in `dist`. */
export const VIEWS = new URL('../../views/', import.meta.url)

export type Render = (view: string, data: object) => Promise<string>

/**
 * Renders the package's own views. They belong to a private Express app, which
 * never sees a request: so the application's `views`, `view engine` and `locals`
 * stay its own, and a request keeps the application's `trust proxy`.
 */
export function createRender(): Render {
  const app = express()
  app.set('views', fileURLToPath(VIEWS))
  app.set('view engine', 'ejs')
  app.enable('view cache')
  // Options given apart: ejs must not look for them among the data.
  app.engine('ejs', (file, { page }: { page?: unknown }, callback) => {
    ejs.renderFile(file, page as ejs.Data, { cache: true, strict: true, localsName: 'page' }, callback)
  })
  return (view, page) =>
    new Promise((resolve, reject) => {
      app.render(view, { page }, (error: Error | null, html: string | undefined) => {
        if (error || html === undefined) reject(error ?? new Error(`The view ${view} rendered nothing.`))
        else resolve(html)
      })
    })
}
