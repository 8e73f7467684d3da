import { fileURLToPath } from 'node:url'
import ejs from 'ejs'
import express from 'express'
import { ConfigurationError } from '../errors.js'
import { hasViews } from './has-views.js'

/**
 * The folder of the views: the one that is given, else the package's own.
 * @throws ConfigurationError where this code was bundled, so that the package's own are not beside it
 */
export function viewsFolder(given: string | undefined): string {
  const folder = given ?? ownViews()
  if (folder !== undefined && hasViews(folder)) return folder
  throw new ConfigurationError(
    `The views of the dashboard are not in ${folder ?? 'the package'}. In a bundle, copy the folder views of the package keyedcache beside it, and write dashboard: { views: '/path/of/the/copy' }.`,
  )
}

/** The file that this code is in lies two levels below the package's root, in `src` as in `dist`. */
function ownViews(): string | undefined {
  try {
    return fileURLToPath(new URL('../../views/', import.meta.url))
  } catch {
    // A bundle may have no file name of its own.
    return undefined
  }
}

export type Render = (view: string, data: object) => Promise<string>

/**
 * Renders the package's own views. They belong to a private Express app, which
 * never sees a request: so the application's `views`, `view engine` and `locals`
 * stay its own, and a request keeps the application's `trust proxy`.
 */
export function createRender(views: string): Render {
  const app = express()
  app.set('views', views)
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
