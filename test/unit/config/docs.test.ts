import { readFileSync } from 'node:fs'
import t from 'tap'
import * as z from 'zod'
import { configSchema } from '../../../src/config/schema.js'

// docs/configuration.md says what the schema reads: every key, and no other.

const page = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8')

/** The keys below a JSON Schema, each as its path: 'proxy.timeout.connect'. */
function keysOf(schema: unknown, path: readonly string[] = []): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([word, value]: [string, unknown]): string[] => {
    if (word === 'properties' && typeof value === 'object' && value !== null) {
      return Object.entries(value).flatMap(([key, inner]) => [
        [...path, key].join('.'),
        ...keysOf(inner, [...path, key])
      ])
    }
    if (Array.isArray(value)) return value.flatMap((one: unknown) => keysOf(one, path))
    return typeof value === 'object' ? keysOf(value, path) : []
  })
}

const keys = [...new Set(keysOf(z.toJSONSchema(configSchema, { io: 'input' })))]
const words = new Set(keys.flatMap((key) => key.split('.')))

t.test('every key stands in the page', async (t) => {
  t.ok(keys.length > 150, `${keys.length}`)
  for (const key of keys) {
    const word = key.split('.').at(-1) ?? ''
    t.match(page, new RegExp(`\`[^\`\\n]*\\b${word}\\b[^\`\\n]*\``), key)
  }
})

t.test('every key of a service stands in a table of its part, with what it means', async (t) => {
  const part = page.slice(page.indexOf('## `proxy`'), page.indexOf('## What `vipd check` says'))
  const cells = firstCells(part).join(' ')
  for (const key of keys.filter((one) => one.startsWith('proxy.'))) {
    const word = key.split('.').at(-1) ?? ''
    // Those of agent_check are told in its own row.
    if (!key.includes('.agent_check.')) t.match(cells, new RegExp(`\`(?:[a-z_]+\\.)?${word}(?:\\.[a-z_]+)?\``), key)
  }
})

t.test('no table explains a key that is none', async (t) => {
  const found = firstCells(page)
    .flatMap((cell) => [...cell.matchAll(/`([a-z_0-9.]+)`/g)].map(([, name = '']) => name))
    .flatMap((name) => name.split('.'))
  t.ok(found.length > 150, `${found.length}`)
  t.strictSame(
    found.filter((name) => !words.has(name)),
    []
  )
})

/** What stands in the first column of each row of a table. */
const firstCells = (text: string): string[] =>
  text.split('\n').flatMap((line) => (/^\| `/.test(line) ? [line.split('|')[1] ?? ''] : []))
