// Auto-refresh: loads the page again every few seconds, if chosen, and replaces its content.
// It pauses while a replacement would disturb the user: a selection, the focus, a half-filled form.

const STORAGE_KEY = 'keyedcache-live'
const TIMEOUT_MS = 10_000
/** Pause before the next check whether a refresh would disturb. */
const RECHECK_MS = 500

const main = document.querySelector('main')
const live = document.querySelector('[data-live]')
const every = live.querySelector('select')
const status = live.querySelector('[role=status]')

let timer
let isOverdue = false
/** The request in progress. There is never a second one. */
let request
let shown = main.innerHTML
let shownSince = new Date()

every.value = storedChoice()
if (every.selectedIndex < 0) every.value = ''
live.hidden = false
later()

every.addEventListener('change', () => {
  storeChoice(every.value)
  request?.abort()
  request = undefined
  report('')
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
  const tooLong = setTimeout(() => mine.abort(), TIMEOUT_MS)
  const { page, failed, ended } = await load(mine.signal)
  clearTimeout(tooLong)
  if (request !== mine) return
  request = undefined

  if (ended) return report(`Stopped: ${ended}`)
  if (failed) report(`Not refreshed since ${shownSince.toISOString().slice(11, 19)} UTC: ${failed}`)
  else if (waits()) return
  else show(page)
  later()
}

/** Whether a refresh would disturb; then it shows why, and schedules the next check. */
function waits() {
  const reason = inTheWay()
  if (reason === undefined) return false
  report(`Paused: ${reason}`)
  later(RECHECK_MS)
  return true
}

function inTheWay() {
  const selection = getSelection()
  if (!selection.isCollapsed && selection.containsNode(main, true)) return 'text is selected.'
  // A click on empty space puts the focus on `main` itself, which keeps it.
  const { activeElement } = document
  if (activeElement !== main && main.contains(activeElement)) return 'the focus is on the page.'
  if ([...main.querySelectorAll('input, select')].some(isFilledIn)) return 'a form is being filled in.'
  // A replacement between press and release would lose the click.
  if (main.matches(':active')) return 'the mouse button is pressed.'
}

function isFilledIn(field) {
  if (field.localName === 'select')
    return [...field.options].some((option) => option.selected !== option.defaultSelected)
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked
}

/** Loads the current page, or returns the reason why not. After `ended`, a retry is of no use. */
async function load(signal) {
  try {
    const headers = { accept: 'text/html' }
    const answer = await fetch(location.href, { headers, cache: 'no-store', redirect: 'manual', signal })
    if (answer.type === 'opaqueredirect' || answer.status === 401 || answer.status === 403)
      return { ended: 'you are signed out or have no access. Reload the page.' }
    if (!answer.ok) return { failed: `the server responded with status ${answer.status}.` }
    const found = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const page = found.querySelector('[data-live] ~ main')
    return page ? { page } : { failed: 'the server responded with a different page.' }
  } catch {
    const seconds = TIMEOUT_MS / 1_000
    return { failed: signal.aborted ? `no response within ${seconds} s.` : 'the server is not reachable.' }
  }
}

function show(page) {
  const html = page.innerHTML
  if (html !== shown) {
    const { scrollX, scrollY } = window
    const before = new Map(viewedParts().map((part) => [nameOf(part), viewStateOf(part)]))
    replace(page)
    for (const part of viewedParts()) Object.assign(part, before.get(nameOf(part)))
    scrollTo({ left: scrollX, top: scrollY, behavior: 'instant' })
  }
  shown = html
  shownSince = new Date()
  report('')
}

/** Elements that the user may have opened or scrolled. */
function viewedParts() {
  return [...main.querySelectorAll('details, .scroll, .value')]
}

function viewStateOf({ open, scrollLeft, scrollTop }) {
  return { open, scrollLeft, scrollTop }
}

/** An identity that stays the same across refreshes: exact times instead of “12 s ago”. */
function nameOf(part) {
  const summary = part.closest('details')?.querySelector('summary').cloneNode(true)
  for (const time of summary?.querySelectorAll('time') ?? []) time.textContent = time.dateTime
  const labels = ['class', 'aria-label', 'aria-labelledby'].map((name) => part.getAttribute(name))
  return JSON.stringify([summary?.textContent, ...labels])
}

/**
 * Keeps the status region, since screen readers announce a new one each time. Changes of its figures and times are
 * not announced; a change of its bold text is.
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

/** Changes the status only if the text differs: screen readers announce each change. */
function report(text) {
  if (status.textContent !== text) status.textContent = text
}

// Without storage, as in some private windows, the choice holds for this page only.

function storedChoice() {
  try {
    return localStorage.getItem(STORAGE_KEY) ?? ''
  } catch {
    return ''
  }
}

function storeChoice(choice) {
  try {
    localStorage.setItem(STORAGE_KEY, choice)
  } catch {}
}
