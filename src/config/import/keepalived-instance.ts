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
  /** Strict mode, in which keepalived takes no password. */
  readonly isStrict: boolean
  /** garp_master_* for instances that have none of their own, in the order of the file. */
  readonly garp: readonly Directive[]
}

/** One vrrp_instance as an item of `vrrp:`, or undefined when it had to be left out (the report says why). */
export function importInstance(instance: Directive, globals: GlobalDefaults, report: Report): Item | undefined {
  const lines = instance.block ?? []
  const draft = createDraft(instance, globals, report)
  for (const line of lines) takeLine(draft, line)
  if (draft.isLeftOut) return undefined
  addPriority(draft, instance)
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
  readonly isStrict: boolean
  readonly entries: Entry[]
  /** Comments of lines that were left out, for the next entry. */
  behind: readonly string[]
  isLeftOut: boolean
}

function createDraft(instance: Directive, globals: GlobalDefaults, report: Report): Draft {
  const lines = instance.block ?? []
  const last = (keyword: string): Directive | undefined => lines.findLast((line) => keywordOf(line) === keyword)
  const settingValue = (keyword: string): string => argumentOf(last(keyword) ?? { ...instance, words: [] })
  const strict = last('strict_mode')
  return {
    report,
    version: settingValue('version') || globals.version,
    state: settingValue('state').toUpperCase(),
    priority: settingValue('priority'),
    interfaceName: settingValue('interface'),
    isStrict: strict === undefined ? globals.isStrict : !['off', 'no', 'false', '0'].includes(argumentOf(strict)),
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

type Handler = (draft: Draft, line: Directive) => void

const takeNumber: Handler = (draft, line) => add(draft, keywordOf(line), numberOr(argumentOf(line)), line)
const takeGarp: Handler = (draft, line) => add(draft, keywordOf(line), garpNode(keywordOf(line), line), line)

const HANDLERS: ReadonlyMap<string, Handler> = new Map([
  ['interface', (draft, line) => add(draft, 'interface', scalar(argumentOf(line)), line)],
  ['virtual_router_id', takeNumber],
  ['priority', takeNumber],
  ['version', takeNumber],
  ['advert_int', (draft, line) => add(draft, 'advert_int', advertInt(draft, line), line)],
  ['preempt', takePreempt],
  ['nopreempt', takePreempt],
  ['state', takeState],
  ['authentication', takeAuthentication],
  ['virtual_ipaddress', takeAddresses],
  ['unicast_peer', refuseUnicast],
  ['garp_master_repeat', takeGarp],
  ['garp_master_delay', takeGarp],
  ['garp_master_refresh', takeGarp],
  ['garp_master_refresh_repeat', takeGarp]
])

function takeLine(draft: Draft, line: Directive): void {
  const keyword = keywordOf(line)
  const handler = HANDLERS.get(keyword)
  if (handler !== undefined) {
    handler(draft, line)
    return
  }
  leave(draft, line)
  const leftover = INSTANCE_LEFTOVERS.get(keyword)
  if (leftover !== undefined) draft.report.add(leftover.level, line, keyword, leftover.text)
  else draft.report.add('changed', line, keyword, 'not understood: left out. Is it spelled right?')
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
  if (draft.isStrict) {
    leave(draft, line)
    draft.report.add('warning', line, 'authentication', 'keepalived ignores it in strict mode: left out')
    return
  }
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

/** Carried over as multicast it would be a split brain ready to start. */
function refuseUnicast(draft: Draft, line: Directive): void {
  draft.isLeftOut = true
  draft.report.add(
    'changed',
    line,
    'unicast_peer',
    'vipd sends adverts by multicast to 224.0.0.18 (unicast is later work): peers that listen for unicast would not hear it, and both would hold the address. This instance is left out'
  )
}

function takeAddresses(draft: Draft, line: Directive): void {
  const node = importAddresses(line, draft.interfaceName, draft.report)
  if (node.items.length > 0) {
    add(draft, 'virtual_ipaddress', node, line)
    return
  }
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

function takeState(draft: Draft, line: Directive): void {
  leave(draft, line)
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

function addPriority(draft: Draft, instance: Directive): void {
  if (draft.entries.some((one) => one.key === 'priority')) return
  const isOwner = draft.state === 'MASTER'
  const beside = isOwner ? '`state MASTER` without a priority' : 'keepalived’s default'
  const after = draft.entries.findIndex((one) => one.key === 'virtual_router_id')
  draft.entries.splice(after + 1, 0, entry('priority', scalar(isOwner ? 255 : 100), { beside }))
  if (!isOwner) return
  const why = 'was not set: with `state MASTER` keepalived takes 255, which nobody can outbid. The same is written here'
  draft.report.add('warning', instance, 'priority', why)
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
