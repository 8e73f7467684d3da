const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses forms that another site makes a browser send (CSRF). Browsers name the origin of a request in `Sec-Fetch-Site`;
 * older ones, and all over plain HTTP to other hosts, in `Origin`. A request without either is refused.
 */
export function sameOriginOnly(req, res, next) {
  if (SAFE.has(req.method) || isSameOrigin(req)) next()
  else
    res
      .status(403)
      .render('error', { title: 'Refused', text: 'This form was not sent from the shop’s own pages.' })
}

function isSameOrigin(req) {
  const site = req.get('Sec-Fetch-Site')
  if (site !== undefined) return site === 'same-origin'
  const origin = req.get('Origin')
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === req.get('Host')
}
