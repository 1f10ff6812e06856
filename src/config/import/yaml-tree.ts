import { type DurationUnit, formatDuration, parseDuration } from '../../base/duration.js'
import { asComment, type Directive } from './directive.js'

/** Where a value came from, so that a problem with it can be told at its line. */
export interface Place {
  readonly file: string
  readonly line: number
}

/** The user's own words around a value. */
export interface Comments {
  readonly above: readonly string[]
  readonly beside: string
}

export type Node = ScalarNode | MapNode | ListNode

export interface ScalarNode {
  readonly kind: 'scalar'
  readonly value: string | number | boolean
  /** Always in quotes, whatever it looks like. */
  readonly quoted: boolean
}

export interface MapNode {
  readonly kind: 'map'
  readonly entries: readonly Entry[]
  /** On one line, where no comment is inside. */
  readonly flow: boolean
  readonly tail: readonly string[]
}

export interface ListNode {
  readonly kind: 'list'
  readonly items: readonly Item[]
  readonly flow: boolean
  readonly tail: readonly string[]
}

export interface Item extends Comments {
  readonly node: Node
  readonly place: Place | undefined
}

export interface Entry extends Item {
  readonly key: string
}

/** A value in the form that needs no quotes, if it can do without. */
export const scalar = (value: string | number | boolean): ScalarNode => ({ kind: 'scalar', value, quoted: false })

/** Text that is always written in quotes. */
export const quoted = (value: string): ScalarNode => ({ kind: 'scalar', value, quoted: true })

/** A number where the word is one; otherwise the word itself, for the schema to refuse. */
export const numberOr = (word: string): ScalarNode => scalar(/^\d{1,15}$/.test(word) ? Number(word) : word)

/** A duration as its owner wrote it where a unit was given, otherwise in the shortest form. */
export function durationNode(word: string, bareUnit: DurationUnit): ScalarNode {
  if (!/^\d+(\.\d+)?$/.test(word)) return scalar(word)
  const ms = parseDuration(word, bareUnit)
  if (ms === undefined || !Number.isSafeInteger(Math.ceil(ms))) return scalar(word)
  return scalar(ms === 0 ? 0 : formatDuration(ms))
}

export const map = (entries: readonly Entry[], flow = false, tail: readonly string[] = []): MapNode => ({
  kind: 'map',
  entries,
  flow,
  tail
})

export const list = (items: readonly Item[], flow = false, tail: readonly string[] = []): ListNode => ({
  kind: 'list',
  items,
  flow,
  tail
})

export const entry = (key: string, node: Node, from?: Partial<Comments> & { place?: Place | undefined }): Entry => ({
  key,
  ...item(node, from)
})

export const item = (node: Node, from?: Partial<Comments> & { place?: Place | undefined }): Item => ({
  node,
  above: from?.above ?? [],
  beside: from?.beside ?? '',
  place: from?.place
})

/** A line that is left out leaves its comments behind, and itself when it had one of its own. */
export const leftBehind = (directive: Directive): readonly string[] =>
  directive.beside === '' ? directive.above : [...directive.above, asComment(directive)]

/** The value that YAML would be read back as. */
export function plain(node: Node): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value
    case 'map':
      return Object.fromEntries(node.entries.map((one) => [one.key, plain(one.node)]))
    case 'list':
      return node.items.map((one) => plain(one.node))
  }
}
