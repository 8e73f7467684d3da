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
