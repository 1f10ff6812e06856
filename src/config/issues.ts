import type * as z from 'zod'
import { unknownKeyHint } from './hints.js'
import { errorAt, type Path, type Problem } from './problem.js'
import { configSchema } from './schema.js'

/** What the schema found → sentences that name the key, what is wrong with it and what would be right. */
export function toProblems(issue: z.core.$ZodIssue): Problem[] {
  return flatten(issue).flatMap(toSentences)
}

/** The issues that a union's own branches found: they know better than the union, when the value has the shape of one. */
export function flatten(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const inner = issue.errors.find((branch) =>
    branch.some((one) => one.path.length > 0 || one.code === 'unrecognized_keys')
  )
  return inner?.flatMap((one) => flatten({ ...one, path: [...issue.path, ...one.path] })) ?? [issue]
}

function toSentences(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol')
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path)
    return issue.keys.map((key) => ({
      ...errorAt([...path, key], `unknown key \`${key}\`: ${unknownKeyHint(key, known, String(path[0] ?? ''))}`),
      atKey: true
    }))
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

/** A property of anything, undefined where there is none. */
export const property = (value: unknown, key: PropertyKey): unknown =>
  typeof value === 'object' && value !== null && key in value ? Reflect.get(value, key) : undefined
