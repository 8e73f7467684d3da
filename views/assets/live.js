// Loads the page again every few seconds, where someone has chosen that, and shows what it says by then.
// It waits while that would take something out of someone's hands.

const REMEMBERED = 'keyedcache-live'
const LONGEST_MS = 10_000
/** How soon to look again whether what is in the way has gone. */
const SOON_MS = 500

const main = document.querySelector('main')
const live = document.querySelector('[data-live]')
const every = live.querySelector('select')
const status = live.querySelector('[role=status]')

let timer
let isOverdue = false
/** The request under way. There is never a second one. */
let request
let shown = main.innerHTML
let shownSince = new Date()

every.value = remembered()
if (every.selectedIndex < 0) every.value = ''
live.hidden = false
later()

every.addEventListener('change', () => {
  remember(every.value)
  request?.abort()
  request = undefined
  say('')
  later()
})

document.addEventListener('visibilitychange', () => {
  if (isOverdue && document.visibilityState === 'visible') void turn()
})

function later(ms = every.value * 1_000) {
  clearTimeout(timer)
  isOverdue = false
  if (every.value !== '') timer = setTimeout(turn, ms)
}

async function turn() {
  isOverdue = document.visibilityState === 'hidden'
  if (isOverdue || waits()) return

  const mine = new AbortController()
  request = mine
  const tooLong = setTimeout(() => mine.abort(), LONGEST_MS)
  const { page, failed, ended } = await ask(mine.signal)
  clearTimeout(tooLong)
  if (request !== mine) return
  request = undefined

  if (ended) return say(`Stopped: ${ended}`)
  if (failed) say(`Not refreshed since ${shownSince.toISOString().slice(11, 19)} UTC: ${failed}`)
  else if (waits()) return
  else show(page)
  later()
}

/** Whether something is in the way; then it is said, and this turn comes soon. */
function waits() {
  const reason = inTheWay()
  if (reason === undefined) return false
  say(`Paused: ${reason}`)
  later(SOON_MS)
  return true
}

function inTheWay() {
  const selection = getSelection()
  if (!selection.isCollapsed && selection.containsNode(main, true)) return 'text is selected.'
  // On `main` itself, where a click beside everything puts it, the focus is not lost.
  const { activeElement } = document
  if (activeElement !== main && main.contains(activeElement)) return 'the focus is in the page.'
  if ([...main.querySelectorAll('input, select')].some(isFilledIn)) return 'a form is being filled in.'
  // A click on what is replaced before the button is let go would be none.
  if (main.matches(':active')) return 'the mouse is held down.'
}

function isFilledIn(field) {
  if (field.localName === 'select')
    return [...field.options].some((option) => option.selected !== option.defaultSelected)
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked
}

/** The page as it is now, or why there is none. After `ended` there is no use in asking again. */
async function ask(signal) {
  try {
    const headers = { accept: 'text/html' }
    const answer = await fetch(location.href, { headers, cache: 'no-store', redirect: 'manual', signal })
    if (answer.type === 'opaqueredirect' || answer.status === 401 || answer.status === 403)
      return { ended: 'you are signed out, or may not see this page any more. Load it again.' }
    if (!answer.ok) return { failed: `the server answered ${answer.status}.` }
    const found = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const page = found.querySelector('[data-live] ~ main')
    return page ? { page } : { failed: 'the server answered with another page.' }
  } catch {
    const seconds = LONGEST_MS / 1_000
    return { failed: signal.aborted ? `no answer within ${seconds} s.` : 'the server cannot be reached.' }
  }
}

function show(page) {
  const html = page.innerHTML
  if (html !== shown) {
    const { scrollX, scrollY } = window
    const before = new Map(lookedAt().map((part) => [nameOf(part), lookOf(part)]))
    replace(page)
    for (const part of lookedAt()) Object.assign(part, before.get(nameOf(part)))
    scrollTo({ left: scrollX, top: scrollY, behavior: 'instant' })
  }
  shown = html
  shownSince = new Date()
  say('')
}

/** What someone may have opened or scrolled. */
function lookedAt() {
  return [...main.querySelectorAll('details, .scroll, .value')]
}

function lookOf({ open, scrollLeft, scrollTop }) {
  return { open, scrollLeft, scrollTop }
}

/** The same for the same part of an earlier page: moments instead of “12 s ago”. */
function nameOf(part) {
  const summary = part.closest('details')?.querySelector('summary').cloneNode(true)
  for (const time of summary?.querySelectorAll('time') ?? []) time.textContent = time.dateTime
  const labels = ['class', 'aria-label', 'aria-labelledby'].map((name) => part.getAttribute(name))
  return JSON.stringify([summary?.textContent, ...labels])
}

/**
 * The region of the page's state stays the element that it is: a new one would be read out every time. Its figures
 * and times are no news; what it says in bold is.
 */
function replace(page) {
  const [state, next] = [main, page].map((one) => one.querySelector(':scope > [role=status]'))
  if (!state || !next) return main.replaceChildren(...page.childNodes)
  state.setAttribute('aria-live', headline(state) === headline(next) ? 'off' : 'polite')
  for (const node of [...main.childNodes]) if (node !== state) node.remove()
  const nodes = [...page.childNodes]
  const place = nodes.indexOf(next)
  state.before(...nodes.slice(0, place))
  state.replaceChildren(...next.childNodes)
  state.after(...nodes.slice(place + 1))
}

function headline(state) {
  return [...state.querySelectorAll('strong')].map((strong) => strong.textContent.replace(/\d/g, '')).join()
}

/** Only what is new: the same words again would be read out again. */
function say(text) {
  if (status.textContent !== text) status.textContent = text
}

// Where the browser keeps nothing for this site, as in private windows, the choice holds for this page.

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED) ?? ''
  } catch {
    return ''
  }
}

function remember(choice) {
  try {
    localStorage.setItem(REMEMBERED, choice)
  } catch {}
}
