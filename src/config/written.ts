import { property } from './issues.js'

/** The lists whose entries others name. */
export type NamedList = 'vrrp' | 'vrrp_script' | 'vrrp_track_file' | 'vrrp_track_process'

/** What the rules need of the text itself, beside the configuration that was made of it. */
export interface Written {
  /** Whether a key stands in an item of `vrrp:`; a default does not. */
  has(instance: number, key: string): boolean
  /** Names of entries that stand in the file, also of those that are wrong themselves. */
  names(list: NamedList): readonly string[]
  /** Whether a name stands for one that is wrong: nothing is known about it. */
  isPlaceholder(name: string): boolean
}

/**
 * The text as the rules see it.
 * @param items the items of `vrrp:` that the configuration was made of
 * @param root the file
 * @param placeholders what stands for names in it that are wrong
 */
export const writtenIn = (items: unknown, root?: unknown, placeholders: ReadonlySet<string> = new Set()): Written => ({
  has: (instance, key) => property(property(items, instance), key) !== undefined,
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
