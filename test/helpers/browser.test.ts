import { expect, test } from 'vitest'
import { launchBrowser } from './browser.js'

test('opens a page and runs its script', async () => {
  const browser = await launchBrowser()
  try {
    const page = await browser.newPage()
    await page.setContent('<p id="text"></p><script>document.all.text.textContent = 6 * 7</script>')
    expect(await page.textContent('#text')).toBe('42')
  } finally {
    await browser.close()
  }
})
