// Everything works without this: it only saves a reach for the mouse.
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

// What is left of a time to live counts down where it stands. A live page puts another one in its place.
const ends = new WeakMap()

setInterval(countDown, 1_000)
countDown()

function countDown() {
  const left = document.querySelector('[data-left-ms]')
  if (left === null) return
  if (!ends.has(left)) ends.set(left, performance.now() + Number(left.dataset.remainingMs))
  // A text that changes would be selected no more.
  if (!getSelection().isCollapsed) return
  const seconds = Math.max(0, Math.ceil((ends.get(left) - performance.now()) / 1_000))
  left.textContent = seconds > 0 ? `in ${clock(seconds)}` : 'just now'
}

function clock(seconds) {
  const two = (number) => String(number).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  if (hours > 0) return `${hours}:${two(minutes)}:${two(seconds % 60)}`
  return minutes > 0 ? `${minutes}:${two(seconds % 60)} min` : `${seconds} s`
}
