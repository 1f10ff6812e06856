import type * as z from 'zod'
import { property } from './issues.js'
import type { Problem } from './problem.js'
import { crossCheck } from './rules.js'
import { configSchema } from './schema.js'

/** Cross-checks what is sound of a configuration that is not: nobody wants to mend one class of mistakes to be told of the next. */
export function crossCheckSound(raw: unknown, issues: readonly z.core.$ZodIssue[]): Problem[] {
  const copy = structuredClone(raw)
  let serial = 0
  for (let wrong = issues, round = 0; wrong.length > 0 && round < REPAIRS; round++) {
    for (const issue of wrong) {
      for (const path of wrongPaths(issue)) mend(copy, path, serial++, isMissing(issue))
    }
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

const isMissing = (issue: z.core.$ZodIssue): boolean => 'input' in issue && issue.input === undefined

const wrongPaths = (issue: z.core.$ZodIssue): PropertyKey[][] =>
  issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [[...issue.path]]

function soundItems(raw: unknown, key: 'vrrp' | 'proxy'): { item: unknown; index: number }[] {
  const items = property(raw, key)
  if (!Array.isArray(items)) return []
  return items
    .map((item: unknown, index) => ({ item, index }))
    .filter(({ item }) => configSchema.safeParse({ [key]: [item] }).success)
}

/** Stands for a value that must be there and is wrong, so that the rest of its list can be cross-checked. Unlike any other. */
function harmless(key: PropertyKey | undefined, serial: number): unknown {
  const address = `198.18.${(serial >> 8) & 255}.${serial & 255}`
  switch (key) {
    case 'virtual_ipaddress':
      return address
    case 'bind':
    case 'address':
      return `${address}:1`
    case 'name':
      return `unnamed-${serial}`
    default:
      return undefined
  }
}

/** Puts something harmless in the place of what is wrong, or takes it away: what may be left out by itself, else its map. */
function mend(root: unknown, path: readonly PropertyKey[], serial: number, isMissing: boolean): void {
  const parent = path.slice(0, -1).reduce<unknown>((here, part) => property(here, part), root)
  const last = path.at(-1)
  if (last === undefined || typeof parent !== 'object' || parent === null) return
  const isItem = Array.isArray(parent)
  const instead = harmless(isItem ? path.at(-2) : last, serial)
  const isList = !isItem && (last === 'bind' || last === 'virtual_ipaddress')
  if (instead !== undefined) Reflect.set(parent, last, isList ? [instead] : instead)
  else if (isMissing) mend(root, path.slice(0, -1), serial, false)
  // Items of a list are left in place: taking one out would move the others.
  else if (!isItem) Reflect.deleteProperty(parent, last)
}
