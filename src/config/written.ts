import { property } from './issues.js'
import type { Path } from './problem.js'

/** The lists whose entries others name. */
export type NamedList = 'vrrp' | 'vrrp_script' | 'vrrp_track_file' | 'vrrp_track_process' | 'proxy'

/** What the rules need of the text itself, beside the configuration that was made of it. */
export interface Written {
  /** What stands at a place of the configuration; undefined where a default does. */
  value(path: Path): unknown
  /** Whether a key stands in an item of `vrrp:`; a default does not. */
  has(instance: number, key: string): boolean
  /** What the file has under a key at its top, also where that is wrong. */
  top(key: string): unknown
  /** Names of entries that stand in the file, also of those that are wrong themselves. */
  names(list: NamedList): readonly string[]
  /** Whether a name stands for one that is wrong: nothing is known about it. */
  isPlaceholder(name: string): boolean
}

/**
 * The text as the rules see it.
 * @param made what the configuration was made of
 * @param root the file
 * @param placeholders what stands for names in it that are wrong
 */
export const writtenIn = (made: unknown, root = made, placeholders: ReadonlySet<string> = new Set()): Written => ({
  value: (path) => path.reduce<unknown>(property, made),
  has: (instance, key) => ['vrrp', instance, key].reduce<unknown>(property, made) !== undefined,
  top: (key) => property(root, key),
  names(list) {
    const entries = property(root, list)
    const names = Array.isArray(entries) ? entries.map((one: unknown) => property(one, 'name')) : []
    return names.filter((name) => typeof name === 'string')
  },
  isPlaceholder: (name) => placeholders.has(name)
})

/** The names that others may use: those of the file, also of entries that are wrong, and those of the configuration. */
export function knownNames(
  entries: readonly { readonly name: string }[],
  list: NamedList,
  written: Written
): ReadonlySet<string> {
  const sound = entries.map(({ name }) => name).filter((name) => !written.isPlaceholder(name))
  return new Set([...sound, ...written.names(list)])
}

/**
 * Where a server's word stands: its own, else that of default_server; its own place where neither is written.
 * @param at the place of the service
 */
export function writtenFor(written: Written, at: Path, index: number, ...keys: readonly string[]): Path {
  const own = [...at, 'servers', index, ...keys]
  const base = [...at, 'default_server', ...keys]
  return written.value(own) === undefined && written.value(base) !== undefined ? base : own
}
