// The slash key focuses the search. Pages work without this script.
addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  if (event.target instanceof Element && event.target.closest('input, textarea, select, [contenteditable]'))
    return
  const search = document.querySelector('[data-search]')
  if (search === null) return
  event.preventDefault()
  search.focus()
  search.select()
})

// Counts down the remaining time to live. Auto-refresh replaces the element, so it is looked up each time.
const ends = new WeakMap()

setInterval(countDown, 1_000)
countDown()

function countDown() {
  const remaining = document.querySelector('[data-remaining-ms]')
  if (remaining === null) return
  if (!ends.has(remaining)) ends.set(remaining, performance.now() + Number(remaining.dataset.remainingMs))
  // A change of the text would end its selection.
  if (!getSelection().isCollapsed) return
  const seconds = Math.max(0, Math.ceil((ends.get(remaining) - performance.now()) / 1_000))
  remaining.textContent = seconds > 0 ? `in ${clock(seconds)}` : 'now'
}

function clock(seconds) {
  const two = (number) => String(number).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  if (hours > 0) return `${hours}:${two(minutes)}:${two(seconds % 60)}`
  return minutes > 0 ? `${minutes}:${two(seconds % 60)} min` : `${seconds} s`
}
