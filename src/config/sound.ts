import type * as z from 'zod'
import { placeholder } from './harmless.js'
import { flatten, property } from './issues.js'
import type { Path } from './problem.js'
import { type Config, configSchema } from './schema.js'
import { type Written, writtenIn } from './written.js'

/** What can be checked of a file: all of it, or the part that can be read. */
export interface Checkable {
  readonly config: Config
  readonly written: Written
  /** A place in `config` → the place in the file. */
  readonly inFile: (path: Path) => Path
}

/** A configuration that the schema finds nothing against. */
export const wholeOf = (raw: unknown, config: Config): Checkable => ({
  config,
  written: writtenIn(raw),
  inFile: (path) => path
})

/** What is sound of a configuration that is not: nobody wants to mend one class of mistakes to be told of the next. */
export function soundOf(raw: unknown, issues: readonly z.core.$ZodIssue[]): Checkable | undefined {
  const copy = structuredClone(raw)
  const placeholders = new Set<string>()
  let serial = 0
  for (let wrong = issues, round = 0; wrong.length > 0 && round < REPAIRS; round++) {
    for (const issue of wrong.flatMap(flatten)) {
      if (issue.code === 'unrecognized_keys') forget(copy, issue)
      else mend(copy, issue.path, serial++, isMissing(issue), placeholders)
    }
    const again = configSchema.safeParse(copy, { reportInput: true })
    wrong = again.success ? [] : again.error.issues
  }
  const kept = new Map(LISTS.map((list) => [list, soundItems(copy, list)]))
  const items = Object.fromEntries([...kept].map(([list, all]) => [list, all.map((one) => one.item)]))
  const globalDefs = { global_defs: property(copy, 'global_defs') }
  const sound = configSchema.safeParse({ ...(configSchema.safeParse(globalDefs).success ? globalDefs : {}), ...items })
  if (!sound.success || sound.data.vrrp.length + sound.data.proxy.length === 0) return undefined
  return {
    config: sound.data,
    written: writtenIn(items, raw, placeholders),
    inFile: ([list = '', index, ...rest]) => {
      const found = kept.get(String(list))?.[Number(index)]
      return [list, ...(index === undefined ? [] : [found?.index ?? index]), ...rest]
    }
  }
}

const LISTS = ['vrrp_script', 'vrrp_track_file', 'vrrp_track_process', 'vrrp_sync_group', 'vrrp', 'proxy']

/** Depth of the configuration: what is wrong with a value that must be there is wrong with the map that it is in. */
const REPAIRS = 6

const isMissing = (issue: z.core.$ZodIssue): boolean => 'input' in issue && issue.input === undefined

function forget(root: unknown, { path, keys }: z.core.$ZodIssueUnrecognizedKeys): void {
  const map = at(root, path)
  if (typeof map !== 'object' || map === null) return
  for (const key of keys) Reflect.deleteProperty(map, key)
}

const at = (root: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((here, part) => property(here, part), root)

function soundItems(raw: unknown, key: string): { item: unknown; index: number }[] {
  const items = property(raw, key)
  if (!Array.isArray(items)) return []
  return items
    .map((item: unknown, index) => ({ item, index }))
    .filter(({ item }) => configSchema.safeParse({ [key]: [item] }).success)
}

/** Puts something harmless in the place of what is wrong, or takes it away: what may be left out by itself, else its map. */
function mend(
  root: unknown,
  path: readonly PropertyKey[],
  serial: number,
  isMissing: boolean,
  names: Set<string>
): void {
  const parent = at(root, path.slice(0, -1))
  const last = path.at(-1)
  if (last === undefined || typeof parent !== 'object' || parent === null) return
  const instead = placeholder(root, path, serial)
  if (instead !== undefined) {
    if (typeof instead === 'string') names.add(instead)
    Reflect.set(parent, last, instead)
  } else if (!Array.isArray(parent) && !isMissing) Reflect.deleteProperty(parent, last)
  // An entry of a list at the top stays in its place, or the others would move: it is left out afterwards.
  else if (path.length > 2) mend(root, path.slice(0, -1), serial, false, names)
}
