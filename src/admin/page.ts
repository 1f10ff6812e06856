import { readFile } from 'node:fs/promises'

/** The status page's files, beside the built program. */
const FILES: Readonly<Record<string, { readonly name: string; readonly type: string }>> = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/page.css': { name: 'page.css', type: 'text/css; charset=utf-8' },
  '/page.js': { name: 'page.js', type: 'text/javascript; charset=utf-8' }
}

/** Nothing but its own files, from nowhere else, in nobody's frame. */
export const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer'
} as const

/** A file of the page. */
export async function pageFile(path: string): Promise<{ readonly text: string; readonly type: string } | undefined> {
  const file = Object.hasOwn(FILES, path) ? FILES[path] : undefined
  if (file === undefined) return undefined
  return { text: await readFile(new URL(`../admin/page/${file.name}`, import.meta.url), 'utf8'), type: file.type }
}
