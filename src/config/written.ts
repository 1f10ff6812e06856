import { property } from './issues.js'

/** The lists whose entries others name. */
export type NamedList = 'vrrp' | 'vrrp_script' | 'vrrp_track_file' | 'vrrp_track_process'

/** What the rules need of the text itself, beside the configuration that was made of it. */
export interface Written {
  /** Whether a key stands in an item of `vrrp:`; a default does not. */
  has(instance: number, key: string): boolean
  /** Names of entries that stand in the file, also of those that are wrong themselves. */
  names(list: NamedList): readonly string[]
}

/**
 * The text as the rules see it.
 * @param items the items of `vrrp:` that the configuration was made of
 * @param named the file, and what stands for names in it that are wrong
 */
export function writtenIn(items: unknown, named: unknown = undefined, placeholders: readonly string[] = []): Written {
  return {
    has: (instance, key) => property(property(items, instance), key) !== undefined,
    names(list) {
      const entries = property(named, list)
      const names = Array.isArray(entries) ? entries.map((one: unknown) => property(one, 'name')) : []
      return [...names.filter((name) => typeof name === 'string'), ...placeholders]
    }
  }
}
