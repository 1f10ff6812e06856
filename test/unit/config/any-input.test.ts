import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { parseConfig } from '../../../src/config/load.js'
import { patience, runs } from '../../runs.js'
import { problemsOf } from './table.js'

/** Every word of a whole configuration, and what may stand in its place. */
const WHOLE = readFileSync(new URL('../../../../test/unit/config/whole.yaml', import.meta.url), 'utf8')
const pieces = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.integer({ min: 0, max: 40 }),
    put: fc.oneof(
      fc.constantFrom('null', '[]', '{}', '-1', '::', 'fd00::1', '[ ]', '{ name: x }', '*a', '&a ', '1e999', '"', '\n'),
      fc.string({ unit: 'binary', maxLength: 8 })
    )
  }),
  { minLength: 1, maxLength: 8 }
)

// Slow on a machine that has other things to do.
t.setTimeout(patience(180_000))

t.test('whatever is broken in a whole configuration, each problem has a place in the text', async (t) => {
  t.strictSame(problemsOf(WHOLE), [], 'whole, it is right')
  fc.assert(
    fc.property(pieces, (broken) => {
      let yaml = WHOLE
      for (const { at, cut, put } of broken) {
        const from = Math.floor(at * yaml.length)
        yaml = yaml.slice(0, from) + put + yaml.slice(from + cut)
      }
      const lines = yaml.split('\n')
      const { config, problems } = parseConfig(yaml)
      for (const { line, column, message } of problems) {
        if (line < 1 || line > lines.length || column < 1 || message === '') throw new Error(`${line}:${column}`)
        if (/unnamed-|198\.18\.|fe80::ffff:/.test(message)) throw new Error(`a placeholder shows: ${message}`)
      }
      if ((config === undefined) !== problems.some((one) => one.severity === 'error')) throw new Error('neither nor')
    }),
    runs(300)
  )
})

t.test('whatever value stands at a key, nothing is thrown', async (t) => {
  const whole: unknown = parse(WHOLE)
  const paths = leaves(whole, [])
  t.ok(paths.length > 100)
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.anything({ withNullPrototype: false }), (path, value) => {
      const copy = structuredClone(whole)
      const parent = path.slice(0, -1).reduce<unknown>((here, part) => Reflect.get(Object(here), part), copy)
      Reflect.set(Object(parent), path.at(-1) ?? '', plain(value))
      parseConfig(stringify(copy))
    }),
    { ...runs(200), examples: [[['vrrp', 1, 'virtual_ipaddress', 0], { toString: [] }]] }
  )
})

/** Places of all values of a tree, those of maps and lists too. */
function leaves(value: unknown, path: readonly (string | number)[]): (readonly (string | number)[])[] {
  const deeper = Array.isArray(value)
    ? value.flatMap((item: unknown, i) => leaves(item, [...path, i]))
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]))
      : []
  return path.length === 0 ? deeper : [path, ...deeper]
}

/** What YAML can write of it. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value) ?? 'null')
