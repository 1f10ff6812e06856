import { formatDuration, parseDuration } from '../../base/duration.js'
import { argumentOf, type Directive, keywordOf } from './directive.js'
import { importAddresses } from './keepalived-address.js'
import { importAuthentication } from './keepalived-auth.js'
import { INSTANCE_LEFTOVERS } from './keepalived-words.js'
import type { Report } from './report.js'
import {
  durationNode,
  type Entry,
  entry,
  type Item,
  item,
  leftBehind,
  map,
  type Node,
  numberOr,
  scalar
} from './yaml-tree.js'

/** What an instance takes from global_defs. */
export interface GlobalDefaults {
  readonly version: string
  /** garp_master_* for instances that have none of their own, in the order of the file. */
  readonly garp: readonly Directive[]
}

/** One vrrp_instance as an item of `vrrp:`, or undefined when it had to be left out (the report says why). */
export function importInstance(instance: Directive, globals: GlobalDefaults, report: Report): Item | undefined {
  const lines = instance.block ?? []
  const draft = createDraft(instance, globals, report)
  for (const line of lines) takeLine(draft, line)
  if (draft.isLeftOut) return undefined
  addPriority(draft)
  addPreempt(draft)
  for (const line of globals.garp) {
    const key = keywordOf(line).replace(/^vrrp_/, '')
    if (draft.entries.every((one) => one.key !== key)) add(draft, key, garpNode(key, line), line)
  }
  if (draft.version !== '2' && lines.every((line) => keywordOf(line) !== 'version')) {
    draft.entries.push(entry('version', numberOr(draft.version)))
  }
  report.carry(instance)
  const place = { file: report.file, line: instance.line }
  const above = instance.beside === '' ? instance.above : [...instance.above, instance.beside]
  return item(map([nameEntry(instance, report), ...draft.entries], false, [...draft.behind, ...instance.tail]), {
    above,
    place
  })
}

interface Draft {
  readonly report: Report
  readonly version: string
  readonly state: string
  readonly priority: string
  readonly interfaceName: string
  readonly hasNopreempt: boolean
  readonly entries: Entry[]
  /** Comments of lines that were left out, for the next entry. */
  behind: readonly string[]
  isLeftOut: boolean
}

function createDraft(instance: Directive, globals: GlobalDefaults, report: Report): Draft {
  const lines = instance.block ?? []
  const last = (keyword: string): Directive | undefined => lines.findLast((line) => keywordOf(line) === keyword)
  const valueOf = (keyword: string): string => argumentOf(last(keyword) ?? { ...instance, words: [] })
  return {
    report,
    version: valueOf('version') || globals.version,
    state: valueOf('state').toUpperCase(),
    priority: valueOf('priority'),
    interfaceName: valueOf('interface'),
    hasNopreempt: last('nopreempt') !== undefined,
    entries: [],
    behind: [],
    isLeftOut: false
  }
}

function nameEntry(instance: Directive, report: Report): Entry {
  const given = argumentOf(instance)
  const name = given.replace(/[^A-Za-z0-9_.:-]/g, '_')
  if (name !== given)
    report.add(
      'warning',
      instance,
      'vrrp_instance',
      `vipd’s names have no \`${given.replace(/[A-Za-z0-9_.:-]/g, '').charAt(0)}\`: it is called ${name} now`
    )
  return entry('name', scalar(name), { place: { file: report.file, line: instance.line } })
}

function takeLine(draft: Draft, line: Directive): void {
  const { report } = draft
  const keyword = keywordOf(line)
  const value = argumentOf(line)
  switch (keyword) {
    case 'interface':
      return add(draft, keyword, scalar(value), line)
    case 'virtual_router_id':
    case 'priority':
    case 'version':
      return add(draft, keyword, numberOr(value), line)
    case 'advert_int':
      return add(draft, keyword, advertInt(draft, line), line)
    case 'nopreempt':
    case 'preempt':
      return takePreempt(draft, line)
    case 'state':
      leave(draft, line)
      return reviewState(draft, line)
    case 'authentication':
      return takeAuthentication(draft, line)
    case 'virtual_ipaddress':
      return takeAddresses(draft, line)
    case 'garp_master_repeat':
    case 'garp_master_delay':
    case 'garp_master_refresh':
    case 'garp_master_refresh_repeat':
      return add(draft, keyword, garpNode(keyword, line), line)
  }
  leave(draft, line)
  const leftover = INSTANCE_LEFTOVERS.get(keyword)
  if (leftover !== undefined) report.add(leftover.level, line, keyword, leftover.text)
  else report.add('changed', line, keyword, 'not understood: left out. Is it spelled right?')
}

/** Adds a key. One that stands twice counts as it stood last, as in keepalived. */
function add(draft: Draft, key: string, node: Node, line: Directive): void {
  draft.report.carry(line)
  const earlier = draft.entries.findIndex((one) => one.key === key)
  if (earlier >= 0) {
    draft.report.add('warning', line, key, 'stands twice: the last one counts')
    draft.entries.splice(earlier, 1)
  }
  const place = { file: draft.report.file, line: line.line }
  draft.entries.push(entry(key, node, { above: [...draft.behind, ...line.above], beside: line.beside, place }))
  draft.behind = []
}

function leave(draft: Draft, line: Directive): void {
  draft.behind = [...draft.behind, ...leftBehind(line)]
}

const garpNode = (key: string, line: Directive): Node =>
  key.endsWith('repeat') ? numberOr(argumentOf(line)) : durationNode(argumentOf(line), 's')

function takeAuthentication(draft: Draft, line: Directive): void {
  if (draft.version === '3') {
    leave(draft, line)
    draft.report.add(
      'warning',
      line,
      'authentication',
      'VRRP version 3 has no passwords, keepalived ignores it too: left out'
    )
    return
  }
  const node = importAuthentication(line, draft.report)
  if (node === 'refused') draft.isLeftOut = true
  else if (node === undefined) leave(draft, line)
  else add(draft, 'authentication', node, line)
}

function takeAddresses(draft: Draft, line: Directive): void {
  const node = importAddresses(line, draft.interfaceName, draft.report)
  if (node.items.length > 0) return add(draft, 'virtual_ipaddress', node, line)
  if ((line.block ?? []).length === 0) {
    draft.report.add('error', line, 'virtual_ipaddress', 'holds no address: write one on a line of its own')
    return
  }
  draft.isLeftOut = true
  draft.report.add('changed', line, 'virtual_ipaddress', 'no address is left: the whole instance is left out')
}

function advertInt(draft: Draft, line: Directive): Node {
  const ms = parseDuration(argumentOf(line), 's')
  if (ms === undefined || draft.version !== '2' || ms % 1000 === 0) return durationNode(argumentOf(line), 's')
  const rounded = Math.max(1000, Math.floor(ms / 1000 + 0.5) * 1000)
  draft.report.add(
    'warning',
    line,
    'advert_int',
    `VRRP version 2 counts whole seconds: ${formatDuration(rounded)}, as keepalived rounds it`
  )
  return scalar(formatDuration(rounded))
}

function reviewState(draft: Draft, line: Directive): void {
  const isKnown = draft.state === 'MASTER' || draft.state === 'BACKUP'
  if (!isKnown) draft.report.add('error', line, 'state', `must be MASTER or BACKUP, not \`${argumentOf(line)}\``)
  const why = 'not needed: the election goes by priority alone. In keepalived too every node starts as backup'
  if (isKnown) draft.report.add('warning', line, `state ${draft.state}`, why)
}

function takePreempt(draft: Draft, line: Directive): void {
  const isOverruled = draft.state === 'MASTER' || draft.priority === '255'
  if (keywordOf(line) === 'nopreempt' && isOverruled) {
    const because = draft.state === 'MASTER' ? 'state MASTER' : 'priority 255'
    draft.report.add(
      'warning',
      line,
      'nopreempt',
      `keepalived ignores it together with \`${because}\`, so this is \`preempt: true\`. If you want nopreempt, write \`preempt: false\` on every node`
    )
  }
  add(draft, 'preempt', scalar(keywordOf(line) === 'preempt' || isOverruled), line)
}

function addPriority(draft: Draft): void {
  if (draft.entries.some((one) => one.key === 'priority')) return
  const isOwner = draft.state === 'MASTER'
  const beside = isOwner ? '`state MASTER` without a priority' : 'keepalived’s default'
  draft.entries.push(entry('priority', scalar(isOwner ? 255 : 100), { beside }))
}

/** What is not said is said now; the place is beside a comment that speaks of it, or after the priority. */
function addPreempt(draft: Draft): void {
  if (draft.entries.some((one) => one.key === 'preempt')) return
  const commented = draft.entries.findIndex((one) => one.above.some((text) => /preempt/i.test(text)))
  const next = draft.entries[commented]
  if (next === undefined) {
    const after = draft.entries.findIndex((one) => one.key === 'priority')
    draft.entries.splice(after + 1, 0, entry('preempt', scalar(true)))
    return
  }
  draft.entries.splice(commented, 1, entry('preempt', scalar(true), { above: next.above }), { ...next, above: [] })
}
