import { open } from 'node:fs/promises'
import { isMap, isNode, isPair, LineCounter, parseDocument } from 'yaml'
import type * as z from 'zod'
import { errnoOf, messageOf } from '../base/errors.js'
import { unknownKeyHint } from './hints.js'
import { errorAt, type Path, type PlacedProblem, type Problem } from './problem.js'
import { crossCheck } from './rules.js'
import { type Config, configSchema } from './schema.js'

/** A configuration file longer than this is not read: nobody writes one by hand. */
const MAX_FILE_BYTES = 1 << 20

/** The configuration, where there is one, and everything that is to be said about it. Without errors there is one. */
export interface Loaded {
  readonly config: Config | undefined
  readonly problems: readonly PlacedProblem[]
}

/** Reads and checks a configuration file. Never throws: an unreadable file is a problem at its first line. */
export async function loadConfig(file: string): Promise<Loaded> {
  try {
    return parseConfig(await readBounded(file))
  } catch (error) {
    return { config: undefined, problems: [{ ...errorAt([], unreadable(error)), line: 1, column: 1 }] }
  }
}

/** YAML text → Config, or every problem with its line and column, in the order of the file. */
export function parseConfig(text: string): Loaded {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, logLevel: 'error' })
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0])
      return {
        ...errorAt([], yamlMessage(error.code, error.message)),
        line: Math.max(1, line),
        column: Math.max(1, col)
      }
    })
    return { config: undefined, problems: inOrder(problems) }
  }
  const place = (problem: Problem): PlacedProblem => ({ ...problem, ...positionOf(document.contents, problem, lines) })
  let raw: unknown
  try {
    // Aliases are for people; a document that multiplies itself by them is refused.
    raw = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return { config: undefined, problems: [place(errorAt([], `cannot be expanded: ${messageOf(error)}`))] }
  }
  if (raw === null || raw === undefined) {
    return {
      config: undefined,
      problems: [place(errorAt([], 'the file is empty: it needs at least `vrrp:` or `proxy:`'))]
    }
  }
  const parsed = configSchema.safeParse(raw, { reportInput: true })
  if (!parsed.success) {
    const problems = [...parsed.error.issues.flatMap(toProblems), ...crossCheckSound(raw, parsed.error.issues)]
    return { config: undefined, problems: inOrder(problems.map(place)) }
  }
  const problems = inOrder(crossCheck(parsed.data).map(place))
  return { config: problems.some((one) => one.severity === 'error') ? undefined : parsed.data, problems }
}

function toProblems(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol')
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path)
    return issue.keys.map((key) => ({
      ...errorAt([...path, key], `unknown key \`${key}\`: ${unknownKeyHint(key, known)}`),
      atKey: true
    }))
  }
  // A union's own branches know better than the union, when the value has the shape of one of them.
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.find((branch) =>
      branch.some((one) => one.path.length > 0 || one.code === 'unrecognized_keys')
    )
    if (inner !== undefined) return inner.flatMap((one) => toProblems({ ...one, path: [...issue.path, ...one.path] }))
  }
  const last = path.at(-1)
  const subject =
    path.length === 0
      ? 'the file'
      : typeof last === 'number'
        ? `item ${last + 1} of \`${String(path.at(-2))}\``
        : `\`${last}\``
  const isMissing = issue.code !== 'custom' && 'input' in issue && issue.input === undefined
  return [errorAt(path, isMissing ? `${subject} is missing: it ${issue.message}` : `${subject} ${issue.message}`)]
}

/** Cross-checks what is sound of a configuration that is not: nobody wants to mend one class of mistakes to be told of the next. */
function crossCheckSound(raw: unknown, issues: readonly z.core.$ZodIssue[]): Problem[] {
  const copy = structuredClone(raw)
  for (let wrong = issues, round = 0; wrong.length > 0 && round < REPAIRS; round++) {
    for (const path of wrong.flatMap(wrongPaths)) removeAt(copy, path)
    const again = configSchema.safeParse(copy, { reportInput: true })
    wrong = again.success ? [] : again.error.issues
  }
  const kept = { vrrp: soundItems(copy, 'vrrp'), proxy: soundItems(copy, 'proxy') }
  const sound = configSchema.safeParse({
    vrrp: kept.vrrp.map((one) => one.item),
    proxy: kept.proxy.map((one) => one.item)
  })
  if (!sound.success || kept.vrrp.length + kept.proxy.length === 0) return []
  return crossCheck(sound.data).map((problem) => {
    const [list, index, ...rest] = problem.path
    const items = list === 'vrrp' ? kept.vrrp : kept.proxy
    return { ...problem, path: [list ?? '', items[Number(index)]?.index ?? 0, ...rest] }
  })
}

/** Depth of the configuration: what is wrong with a value that must be there is wrong with the map that it is in. */
const REPAIRS = 4

function wrongPaths(issue: z.core.$ZodIssue): PropertyKey[][] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => [...issue.path, key])
  const isMissing = 'input' in issue && issue.input === undefined
  return [isMissing ? issue.path.slice(0, -1) : [...issue.path]]
}

function soundItems(raw: unknown, key: 'vrrp' | 'proxy'): { item: unknown; index: number }[] {
  const items = property(raw, key)
  if (!Array.isArray(items)) return []
  return items
    .map((item: unknown, index) => ({ item, index }))
    .filter(({ item }) => configSchema.safeParse({ [key]: [item] }).success)
}

function removeAt(root: unknown, path: readonly PropertyKey[]): void {
  const parent = path.slice(0, -1).reduce<unknown>((here, part) => property(here, part), root)
  const last = path.at(-1)
  // Items of a list are left in place: taking one out would move the others.
  if (last !== undefined && typeof parent === 'object' && parent !== null && !Array.isArray(parent))
    Reflect.deleteProperty(parent, last)
}

/** The keys that may stand at a place, from the schema itself. */
function knownKeys(path: Path): string[] {
  let here: unknown = configSchema
  for (const part of path)
    here = typeof part === 'number' ? unwrap(here, 'element') : property(unwrap(here, 'shape'), part)
  const shape = unwrap(here, 'shape')
  return typeof shape === 'object' && shape !== null ? Object.keys(shape) : []
}

/** Follows a schema's wrappers (default, optional, pipe, union) down to the one that has `key`. */
function unwrap(schema: unknown, key: 'shape' | 'element'): unknown {
  const def = property(schema, 'def')
  if (def === undefined) return undefined
  const found = property(def, key) ?? property(schema, key)
  if (found !== undefined) return found
  const options = property(def, 'options')
  const inner = Array.isArray(options) ? options : [property(def, 'innerType'), property(def, 'in')]
  for (const one of inner) {
    const deeper = one === undefined ? undefined : unwrap(one, key)
    if (deeper !== undefined) return deeper
  }
  return undefined
}

const property = (value: unknown, key: PropertyKey): unknown =>
  typeof value === 'object' && value !== null && key in value ? Reflect.get(value, key) : undefined

/** Where a problem stands; what is missing stands at the map that misses it. */
function positionOf(contents: unknown, problem: Problem, lines: LineCounter): { line: number; column: number } {
  let node = contents
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0
  for (const [depth, part] of problem.path.entries()) {
    const isLast = depth === problem.path.length - 1
    const pair = isMap(node) ? node.items.find((item) => isPair(item) && String(item.key) === String(part)) : undefined
    const key = isNode(pair?.key) ? pair.key : undefined
    if (isLast && problem.atKey === true && key !== undefined) return at(key.range?.[0] ?? offset, lines)
    const next = pair !== undefined ? pair.value : isCollectionLike(node) ? node.get(part, true) : undefined
    if (isNode(next)) offset = next.range?.[0] ?? offset
    else if (key !== undefined) offset = key.range?.[0] ?? offset
    node = next
  }
  return at(offset, lines)
}

const isCollectionLike = (node: unknown): node is { get(key: unknown, keepScalar: true): unknown } =>
  typeof node === 'object' && node !== null && 'get' in node && typeof node.get === 'function'

function at(offset: number, lines: LineCounter): { line: number; column: number } {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

const inOrder = (problems: PlacedProblem[]): PlacedProblem[] =>
  problems.sort((a, b) => a.line - b.line || a.column - b.column)

function yamlMessage(code: string, message: string): string {
  const first = message.split('\n')[0] ?? message
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key stands twice in one map: keep one of them'
    case 'TAB_AS_INDENT':
      return 'a tab cannot indent YAML: use spaces'
    case 'BAD_INDENT':
      return `broken YAML, the indentation does not fit: ${first}`
    default:
      return `broken YAML: ${first}`
  }
}

async function readBounded(file: string): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    if (size > MAX_FILE_BYTES) throw new Error(`larger than ${MAX_FILE_BYTES} bytes: this is no vipd configuration`)
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

function unreadable(error: unknown): string {
  switch (errnoOf(error)) {
    case 'ENOENT':
      return 'cannot be read: there is no such file'
    case 'EACCES':
      return 'cannot be read: permission denied'
    case 'EISDIR':
      return 'cannot be read: it is a directory'
    default:
      return `cannot be read: ${messageOf(error)}`
  }
}
