import type { Config } from './schema.js'

/** What a new configuration would change, in words, before anything is changed. Passwords and command lines are not shown. */
export function diffConfig(before: Config, after: Config): string[] {
  return diff('', before, after)
}

/** Values that are told apart by name where they have one, else by position. */
function diff(where: string, before: unknown, after: unknown): string[] {
  if (isRecord(before) && isRecord(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return keys
      .filter((key) => !UNTOLD.has(key))
      .flatMap((key) => diff(where === '' ? key : `${where}.${key}`, before[key], after[key]))
  }
  if (Array.isArray(before) && Array.isArray(after)) return diffLists(where, before, after)
  if (before === after) return []
  if (SECRET.test(where))
    return [`${where} is ${isSet(before) && isSet(after) ? 'different' : isSet(after) ? 'new' : 'removed'}`]
  return [`${where}: ${show(before)} → ${show(after)}`]
}

/** Passwords; command lines, which may have passwords among their arguments; and what an agent is told. */
const SECRET = /(^|\.)(pass|script|process|command|send|notify\.(master|backup|fault|stop|any))$/i
/** For the rules: nothing that is not said by another value too. */
const UNTOLD: ReadonlySet<string> = new Set(['given'])

const isSet = (value: unknown): boolean => value !== undefined && value !== null

function diffLists(where: string, before: readonly unknown[], after: readonly unknown[]): string[] {
  const label = (item: unknown, index: number): string =>
    isRecord(item) && typeof item['name'] === 'string' ? item['name'] : String(index + 1)
  const old = new Map(before.map((item, index) => [label(item, index), item]))
  const fresh = new Map(after.map((item, index) => [label(item, index), item]))
  return [...new Set([...old.keys(), ...fresh.keys()])].flatMap((name) => {
    if (!fresh.has(name)) return [`${where} ${name} is removed`]
    if (!old.has(name)) return [`${where} ${name} is new`]
    return diff(`${where} ${name}`, old.get(name), fresh.get(name))
  })
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const show = (value: unknown): string => (!isSet(value) ? 'unset' : typeof value === 'object' ? 'set' : String(value))
