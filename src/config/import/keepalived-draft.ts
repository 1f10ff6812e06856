import { argumentOf, type Directive, keywordOf } from './directive.js'
import type { Leftover } from './keepalived-words.js'
import type { Level, Report } from './report.js'
import {
  durationNode,
  type Entry,
  entry,
  type Item,
  item,
  type ListNode,
  leftBehind,
  list,
  type Node,
  numberOr,
  scalar
} from './yaml-tree.js'

/** The keys of one map as they are gathered, in the order of the old file, with the comments around them. */
export interface Draft {
  readonly report: Report
  readonly entries: Entry[]
  /** Comments of lines that were left out, for the next entry. */
  behind: readonly string[]
}

/** What is to be done with a line that has a certain keyword. */
export type Handler<Of extends Draft> = (draft: Of, line: Directive) => void

/** A map without keys. */
export const createDraft = (report: Report): Draft => ({ report, entries: [], behind: [] })

/** Every line of a block: by its handler, or left out with what there is to say about its keyword. */
export function takeLines<Of extends Draft>(
  draft: Of,
  lines: readonly Directive[],
  handlers: ReadonlyMap<string, Handler<Of>>,
  leftovers: ReadonlyMap<string, Leftover>
): void {
  for (const line of lines) {
    const keyword = keywordOf(line)
    const handler = handlers.get(keyword)
    const leftover = leftovers.get(keyword)
    if (handler !== undefined) handler(draft, line)
    else if (leftover !== undefined) leaveLeftover(draft, line, leftover)
    else leaveOut(draft, line, 'changed', keyword, 'not understood: left out. Is it spelled right?')
  }
}

/** Leaves out a keyword that has no place here; what is switched off changes nothing. */
export function leaveLeftover(draft: Draft, line: Directive, { level, text }: Leftover): void {
  const isOff = line.words.length === 2 && flagOf(line) === false
  if (isOff) leaveOut(draft, line, 'warning', keywordOf(line), 'is switched off: left out')
  else leaveOut(draft, line, level, keywordOf(line), text)
}

/** Adds a key. One that stands twice counts as it stood last, as in keepalived. */
export function add(draft: Draft, key: string, node: Node, line: Directive): void {
  draft.report.carry(line)
  const earlier = draft.entries.findIndex((one) => one.key === key)
  if (earlier >= 0) {
    draft.report.add('warning', line, key, 'stands twice: the last one counts')
    draft.entries.splice(earlier, 1)
  }
  draft.entries.push(entry(key, node, from(draft, line)))
}

/** Adds a list. One that stands twice goes on where it ended, as in keepalived. */
export function addList(draft: Draft, key: string, node: ListNode, line: Directive): void {
  const earlier = draft.entries.findIndex((one) => one.key === key)
  const before = draft.entries[earlier]?.node
  if (before?.kind !== 'list') {
    add(draft, key, node, line)
    return
  }
  draft.report.carry(line)
  draft.entries.splice(earlier, 1)
  const items = [...before.items, ...node.items]
  draft.entries.push(entry(key, list(items, node.flow, [...before.tail, ...node.tail]), from(draft, line)))
}

/**
 * The lines of a block as the items of a list, each with its comments.
 * @param nodeOf a line's item; undefined when it is left out, which it has told
 * @returns the items, and the comments of what was left out behind the last of them
 */
export function gatherItems(
  report: Report,
  block: Directive,
  nodeOf: (line: Directive, before: readonly Item[]) => Node | undefined
): { readonly items: readonly Item[]; readonly behind: readonly string[] } {
  const items: Item[] = []
  let behind: readonly string[] = []
  for (const line of block.block ?? []) {
    const node = nodeOf(line, items)
    if (node === undefined) {
      behind = [...behind, ...leftBehind(line)]
      continue
    }
    report.carry(line)
    const place = { file: report.file, line: line.line }
    items.push(item(node, { above: [...behind, ...line.above], beside: line.beside, place }))
    behind = []
  }
  return { items, behind }
}

/** Comments and place of a line that becomes an entry; what was left out before it stands above. */
function from(draft: Draft, line: Directive): Omit<Item, 'node'> {
  const above = [...draft.behind, ...line.above]
  draft.behind = []
  return { above, beside: line.beside, place: { file: draft.report.file, line: line.line } }
}

export const hasKey = (draft: Draft, key: string): boolean => draft.entries.some((one) => one.key === key)

/** Keeps the comments of a line that is left out; of one that holds a secret, not the line itself. */
export function leave(draft: Draft, line: Directive): void {
  const isSecret = /^(?:key|auth_pass)/.test(keywordOf(line))
  draft.behind = [...draft.behind, ...leftBehind(isSecret ? { ...line, words: [keywordOf(line)] } : line)]
}

/** Leaves a line out and says why. */
export function leaveOut(draft: Draft, line: Directive, level: Level, subject: string, text: string): void {
  leave(draft, line)
  draft.report.add(level, line, subject, text)
}

/** keepalived's BOOL: a keyword alone is true. Undefined when the word is none. */
export function flagOf(line: Directive): boolean | undefined {
  const word = argumentOf(line).toLowerCase()
  if (['', 'true', 'on', 'yes', '1'].includes(word)) return true
  return ['false', 'off', 'no', '0'].includes(word) ? false : undefined
}

/** The flag of a line, or its word, for the schema to refuse. */
export const flagNode = (line: Directive): Node => scalar(flagOf(line) ?? argumentOf(line))

/** A number, perhaps below zero; otherwise the word itself, for the schema to refuse. */
export const signedOr = (word: string): Node => {
  const digits = word.replace(/^[+-]/, '')
  return /^\d{1,15}$/.test(digits) ? scalar(word.startsWith('-') ? -Number(digits) : Number(digits)) : scalar(word)
}

/** Takes a line under its own keyword, or another key. */
export const taking =
  (node: (line: Directive) => Node, key?: string): Handler<Draft> =>
  (draft, line) =>
    add(draft, key ?? keywordOf(line), node(line), line)

export const textNode = (line: Directive): Node => scalar(argumentOf(line))
export const numberNode = (line: Directive): Node => numberOr(argumentOf(line))
export const secondsNode = (line: Directive): Node => durationNode(argumentOf(line), 's')

/** vipd's names have letters, digits and `_ . : -`; anything else becomes `_`. */
export const nameFrom = (given: string): string => given.replace(/[^A-Za-z0-9_.:-]/g, '_')

/** The name of a block as an entry; a name that had to change is reported. */
export function nameEntry(block: Directive, report: Report): Entry {
  const given = argumentOf(block)
  const name = nameFrom(given)
  if (name !== given) {
    const foreign = given.replace(/[A-Za-z0-9_.:-]/g, '').charAt(0)
    report.add('warning', block, keywordOf(block), `vipd’s names have no \`${foreign}\`: it is called ${name} now`)
  }
  return entry('name', scalar(name), { place: { file: report.file, line: block.line } })
}

/** Comments above a block, and beside its first line, as those of an item of a list. */
export const blockComments = (block: Directive): readonly string[] =>
  block.beside === '' ? block.above : [...block.above, block.beside]
