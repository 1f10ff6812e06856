import type * as z from 'zod'
import { property } from './issues.js'
import type { Problem } from './problem.js'
import { crossCheck } from './rules.js'
import { configSchema } from './schema.js'

/** Cross-checks what is sound of a configuration that is not: nobody wants to mend one class of mistakes to be told of the next. */
export function crossCheckSound(raw: unknown, issues: readonly z.core.$ZodIssue[]): Problem[] {
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
