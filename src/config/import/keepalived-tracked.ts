import { parseDuration } from '../../base/duration.js'
import { argumentOf, type Directive, keywordOf } from './directive.js'
import {
  add,
  blockComments,
  createDraft,
  type Draft,
  flagNode,
  type Handler,
  hasKey,
  leaveOut,
  nameEntry,
  nameFrom,
  numberNode,
  secondsNode,
  signedOr,
  takeLines,
  taking,
  textNode
} from './keepalived-draft.js'
import { SCRIPT_LEFTOVERS, TRACK_FILE_LEFTOVERS, TRACK_PROCESS_LEFTOVERS } from './keepalived-words.js'
import type { Report } from './report.js'
import { entry, type Item, item, map, scalar } from './yaml-tree.js'

/** What can be tracked by name. */
export type TrackedKind = 'vrrp_script' | 'vrrp_track_file' | 'vrrp_track_process'

/** What a track of it takes from the block where it is defined. */
export interface Tracked {
  readonly weight: number
  readonly reverse: boolean
  /** It watches what vipd takes the place of, and is left out. */
  readonly isGone: boolean
}

/** The kind of a top-level block that can be tracked, or undefined. */
export function trackedKind(block: Directive): TrackedKind | undefined {
  switch (keywordOf(block)) {
    case 'vrrp_script':
      return 'vrrp_script'
    case 'vrrp_track_file':
    case 'track_file':
      return 'vrrp_track_file'
    case 'vrrp_track_process':
    case 'track_process':
      return 'vrrp_track_process'
    default:
      return undefined
  }
}

/**
 * Weight and direction of every block that can be tracked, by kind and the name that keepalived knows it by.
 * @param isGone whether a block watches what vipd takes the place of
 */
export function trackedBlocks(
  lines: readonly Directive[],
  isGone: (block: Directive) => boolean
): ReadonlyMap<TrackedKind, ReadonlyMap<string, Tracked>> {
  const kinds = new Map<TrackedKind, Map<string, Tracked>>()
  for (const block of lines) {
    const kind = trackedKind(block)
    if (kind === undefined) continue
    const weight = block.block?.findLast((line) => keywordOf(line) === 'weight')
    const number = Number(weight === undefined ? (kind === 'vrrp_track_file' ? 1 : 0) : argumentOf(weight))
    const known = kinds.get(kind) ?? new Map<string, Tracked>()
    const reverse = weight?.words[2] === 'reverse'
    kinds.set(kind, known.set(nameFrom(argumentOf(block)), { weight: number, reverse, isGone: isGone(block) }))
  }
  return kinds
}

/** One vrrp_script, track_file or track_process as an item of its list. */
export function importTracked(block: Directive, kind: TrackedKind, report: Report): Item {
  const draft = createDraft(report)
  draft.entries.push(nameEntry(block, report))
  const lines = block.block ?? []
  switch (kind) {
    case 'vrrp_script':
      takeLines(draft, lines, SCRIPT, SCRIPT_LEFTOVERS)
      break
    case 'vrrp_track_file':
      takeLines(draft, lines, FILE, TRACK_FILE_LEFTOVERS)
      break
    case 'vrrp_track_process':
      takeLines(draft, lines, PROCESS, TRACK_PROCESS_LEFTOVERS)
      compareParameters(draft, lines)
      mergeDelays(draft, lines)
      break
  }
  report.carry(block)
  const tail = [...draft.behind, ...(block.tail ?? [])]
  const place = { file: report.file, line: block.line }
  return item(map(draft.entries, false, tail), { above: blockComments(block), place })
}

const takeWeight: Handler<Draft> = (draft, line) => {
  // `reverse` is written where the thing is tracked: vipd's lists have no place for it.
  add(draft, 'weight', signedOr(argumentOf(line)), line)
  const third = line.words[2] ?? ''
  if (third !== '' && third !== 'reverse' && third !== 'noreverse') {
    draft.report.add('error', line, 'weight', 'not understood: a weight may be followed by `reverse`')
  }
}

const takeCommand: Handler<Draft> = (draft, line) => {
  const isQuoted = /\s/.test(argumentOf(line))
  const end = line.words.findIndex((word, i) => i > 1 && (isQuoted || SCRIPT.has(word)))
  const command = line.words.slice(1, end < 0 ? undefined : end).join(' ')
  add(draft, 'script', scalar(command), line)
  if (/[|&;<>`]|\$\(/.test(command)) {
    const text = 'is run without a shell, as keepalived 2 does: if it needs one, write `shell: true` beside it'
    draft.report.add('warning', line, 'script', text)
  }
  if (end >= 0) {
    const text = 'the words after the command are ignored, by keepalived too: each keyword has a line of its own'
    draft.report.add('warning', line, 'script', text)
  } else if (line.words.length > 2) {
    const text = 'without quotes keepalived may take the first word alone: the whole line is the command here'
    draft.report.add('changed', line, 'script', text)
  }
}

const takeUser: Handler<Draft> = (draft, line) => {
  add(draft, keywordOf(line), textNode(line), line)
  if (line.words.length > 2) draft.report.add('changed', line, keywordOf(line), 'it runs with the user’s own group')
}

const takeInitFile: Handler<Draft> = (draft, line) => {
  const text = 'vipd writes no file. A file that is missing counts as 0: for anything else, write it before the start'
  leaveOut(draft, line, 'changed', 'init_file', text)
}

const SCRIPT = new Map<string, Handler<Draft>>([
  ['script', takeCommand],
  ['interval', taking(secondsNode)],
  ['timeout', taking(secondsNode)],
  ['weight', takeWeight],
  ['rise', taking(numberNode)],
  ['fall', taking(numberNode)],
  ['user', takeUser],
  ['init_fail', taking(flagNode)]
])

const FILE = new Map<string, Handler<Draft>>([
  ['file', taking(textNode)],
  ['weight', takeWeight],
  ['init_file', takeInitFile]
])

const takeProcess: Handler<Draft> = (draft, line) => add(draft, 'process', scalar(line.words.slice(1).join(' ')), line)

const skip: Handler<Draft> = () => undefined

const PROCESS = new Map<string, Handler<Draft>>([
  ['process', takeProcess],
  ['full_command', taking(flagNode)],
  ['quorum', taking(numberNode)],
  ['quorum_max', taking(numberNode)],
  ['weight', takeWeight],
  ['delay', skip],
  ['fork_delay', skip],
  ['terminate_delay', skip]
])

/** keepalived compares the parameters where there are some; vipd only as a part of the whole command line. */
function compareParameters(draft: Draft, lines: readonly Directive[]): void {
  const line = lines.findLast((one) => keywordOf(one) === 'process')
  if (line === undefined || line.words.length === 2 || hasKey(draft, 'full_command')) return
  draft.entries.push(entry('full_command', scalar(true), { beside: 'the parameters count too' }))
  const text =
    'vipd compares parameters with `full_command` alone: write the whole command line, as /proc/PID/cmdline has it'
  draft.report.add('changed', line, 'process', text)
}

/** keepalived has a delay for each direction, vipd one for both: the longer. */
function mergeDelays(draft: Draft, lines: readonly Directive[]): void {
  const delays = lines.filter((line) => /^(?:fork_|terminate_)?delay$/.test(keywordOf(line)))
  const longest = delays.reduce<Directive | undefined>(
    (most, line) => (most === undefined || seconds(line) > seconds(most) ? line : most),
    undefined
  )
  if (longest === undefined) return
  for (const line of delays) draft.report.carry(line)
  add(draft, 'delay', secondsNode(longest), longest)
  const both = new Set(delays.map(keywordOf))
  if (both.has('delay') || (both.has('fork_delay') && both.has('terminate_delay') && isSame(delays))) return
  draft.report.add(
    'changed',
    longest,
    keywordOf(longest),
    'vipd has one delay for both directions: the longer one is taken'
  )
}

const seconds = (line: Directive): number => parseDuration(argumentOf(line), 's') ?? Number.POSITIVE_INFINITY
const isSame = (lines: readonly Directive[]): boolean => new Set(lines.map(argumentOf)).size === 1
