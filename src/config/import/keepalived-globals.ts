import { argumentOf, type Directive, keywordOf } from './directive.js'
import {
  add,
  addList,
  createDraft,
  flagNode,
  flagOf,
  type Handler,
  leave,
  leaveLeftover,
  leaveOut,
  numberNode,
  secondsNode,
  takeLines,
  taking,
  textNode
} from './keepalived-draft.js'
import { type MailDraft, takeSmtpAlert } from './keepalived-notify.js'
import { GLOBAL_LEFTOVERS } from './keepalived-words.js'
import type { Report } from './report.js'
import { type Entry, entry, type Item, item, leftBehind, list, map, type Node, scalar } from './yaml-tree.js'

/** What instances take from global_defs. */
export interface GlobalDefaults {
  readonly version: string
  /** Strict mode, in which keepalived takes no password. */
  readonly isStrict: boolean
  /** Lines that go for every instance that has none of its own, in the order of the file. */
  readonly instance: readonly Directive[]
  /** script_user; undefined: not said. */
  readonly scriptUser: string | undefined
}

interface GlobalDraft extends MailDraft {
  version: string
  isStrict: boolean
  readonly instance: Directive[]
}

/** The lines of every global_defs, in the order of the file. */
export const globalLines = (top: readonly Directive[]): readonly Directive[] =>
  top.filter((one) => keywordOf(one) === 'global_defs').flatMap((one) => one.block ?? [])

/** global_defs as vipd has it; undefined when nothing of it is left but comments. */
export function importGlobals(
  top: readonly Directive[],
  report: Report
): { readonly entry: Entry | undefined; readonly comments: readonly string[]; readonly defaults: GlobalDefaults } {
  const blocks = top.filter((one) => keywordOf(one) === 'global_defs')
  const draft: GlobalDraft = {
    ...createDraft(report),
    canMail: canMail(top),
    version: '2',
    isStrict: false,
    instance: []
  }
  for (const block of blocks) {
    takeLines(draft, block.block ?? [], HANDLERS, GLOBAL_LEFTOVERS)
    draft.behind = [...draft.behind, ...block.tail]
  }
  reviewMail(draft, top)
  const [first] = blocks
  const user = draft.entries.find((one) => one.key === 'script_user')?.node
  const defaults: GlobalDefaults = {
    version: draft.version,
    isStrict: draft.isStrict,
    instance: draft.instance,
    scriptUser: user?.kind === 'scalar' ? String(user.value) : undefined
  }
  const own = blocks.flatMap((block) => leftBehind({ ...block, words: [keywordOf(block)] }))
  if (first === undefined || draft.entries.length === 0) {
    return { entry: undefined, comments: [...own, ...draft.behind], defaults }
  }
  const rest = blocks.slice(1).flatMap((block) => leftBehind({ ...block, words: [keywordOf(block)] }))
  const comments = { above: [...first.above, ...rest], beside: first.beside }
  const place = { file: report.file, line: first.line }
  return {
    entry: entry('global_defs', map(draft.entries, false, draft.behind), { ...comments, place }),
    comments: [],
    defaults
  }
}

const takeFlag = taking(flagNode)

const forInstances: Handler<GlobalDraft> = (draft, line) => {
  leave(draft, line)
  draft.instance.push(line)
}

const takeVersion: Handler<GlobalDraft> = (draft, line) => {
  leave(draft, line)
  draft.version = argumentOf(line)
  if (draft.version === '2' || draft.version === '3') draft.report.carry(line)
  else draft.report.add('error', line, 'vrrp_version', `must be 2 or 3, not \`${draft.version}\``)
}

const takeStrict: Handler<GlobalDraft> = (draft, line) => {
  draft.isStrict = flagOf(line) ?? true
  const leftover = GLOBAL_LEFTOVERS.get('vrrp_strict')
  if (leftover !== undefined) leaveLeftover(draft, line, leftover)
}

/** Words in any number, on any lines. A display name is not an address. */
const takeRecipients: Handler<GlobalDraft> = (draft, line) => {
  const lines = line.block ?? []
  const items = lines.flatMap((one): Item[] => {
    draft.report.carry(one)
    return one.words.map((word, i) => {
      const place = { file: draft.report.file, line: one.line }
      const isLast = i === one.words.length - 1
      return item(addressNode(word), { above: i === 0 ? one.above : [], beside: isLast ? one.beside : '', place })
    })
  })
  if (items.length > 0) addList(draft, 'notification_email', list(items, true, line.tail), line)
  else leaveOut(draft, line, 'warning', 'notification_email', 'names nobody: left out')
}

const addressNode = (word: string): Node => scalar(/<([^<>\s]+)>\s*$/.exec(word)?.[1] ?? word)

const takeServer: Handler<GlobalDraft> = (draft, line) => {
  const [, host = '', port = ''] = line.words
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  add(draft, 'smtp_server', scalar(port === '' ? host : `${bracketed}:${port}`), line)
}

const takeRouterId: Handler<GlobalDraft> = (draft, line) => {
  if (/^[\x21-\x7e][\x20-\x7e]{0,127}$/.test(argumentOf(line))) add(draft, 'router_id', textNode(line), line)
  else
    leaveOut(
      draft,
      line,
      'changed',
      'router_id',
      'must be printable ASCII for a mail’s subject: the host’s name is used'
    )
}

/** smtp_alert goes for everything that keepalived does, smtp_alert_vrrp for VRRP and wins. */
const takeAlert: Handler<GlobalDraft> = (draft, line) => {
  const earlier = draft.entries.findIndex((one) => one.key === 'smtp_alert')
  if (earlier >= 0 && keywordOf(line) === 'smtp_alert') {
    leaveOut(draft, line, 'warning', 'smtp_alert', 'smtp_alert_vrrp counts for VRRP: left out')
    return
  }
  if (earlier >= 0) draft.entries.splice(earlier, 1)
  takeSmtpAlert(draft, line)
}

const takeUser: Handler<GlobalDraft> = (draft, line) => {
  add(draft, 'script_user', textNode(line), line)
  if (line.words.length > 2) draft.report.add('changed', line, 'script_user', 'scripts run with the user’s own group')
}

const takeFifo: Handler<GlobalDraft> = (draft, line) => {
  add(draft, keywordOf(line), textNode(line), line)
  if (line.words.length > 2) {
    const text =
      'vipd does not give the FIFO to a user: make it yourself before the start, with the owner that it needs'
    draft.report.add('changed', line, keywordOf(line), text)
  }
}

const HANDLERS = new Map<string, Handler<GlobalDraft>>([
  ['vrrp_version', takeVersion],
  ['vrrp_strict', takeStrict],
  ['router_id', takeRouterId],
  ['notification_email', takeRecipients],
  [
    'notification_email_from',
    (draft, line) => add(draft, keywordOf(line), addressNode(line.words.slice(1).join(' ')), line)
  ],
  ['smtp_server', takeServer],
  ['smtp_helo_name', taking(textNode)],
  ['smtp_connect_timeout', taking(secondsNode)],
  ['smtp_alert', takeAlert],
  ['smtp_alert_vrrp', takeAlert],
  ['no_email_faults', takeFlag],
  ['vrrp_startup_delay', taking(secondsNode)],
  ['script_user', takeUser],
  ['notify_fifo', takeFifo],
  ['vrrp_notify_fifo', takeFifo],
  ['vrrp_notify_priority_changes', takeFlag],
  ['vrrp_rt_priority', taking(numberNode)],
  ...[
    'vrrp_garp_master_repeat, vrrp_garp_master_delay, vrrp_garp_master_refresh, vrrp_garp_master_refresh_repeat',
    'vrrp_garp_lower_prio_repeat, vrrp_garp_lower_prio_delay, vrrp_garp_interval, vrrp_gna_interval, vrrp_min_garp',
    'vrrp_down_timer_adverts, v3_checksum_as_v2, vrrp_check_unicast_src, vrrp_mcast_group4, vrrp_mcast_group6'
  ]
    .flatMap((some) => some.split(', '))
    .map((keyword) => [keyword, forInstances] as const)
])

/** Mail that is half set up: in keepalived nobody gets any either. */
function reviewMail(draft: GlobalDraft, top: readonly Directive[]): void {
  const place = draft.entries.find((one) => one.key === 'notification_email')?.place
  if (place === undefined) return
  const text = !draft.canMail
    ? 'there is no `smtp_server`, and without one nobody gets mail, from keepalived either'
    : alertsOf(top).length === 0
      ? 'no transition is mailed by either: add `smtp_alert: true` to global_defs, or to an instance or a group'
      : ''
  if (text !== '') draft.report.add('warning', place, 'notification_email', text)
}

const alertsOf = (top: readonly Directive[]): readonly Directive[] =>
  [...globalLines(top), ...top.filter(isVrrp).flatMap((one) => one.block ?? [])].filter(
    (line) => /^smtp_alert(?:_vrrp)?$/.test(keywordOf(line)) && flagOf(line) === true
  )

const isVrrp = (one: Directive): boolean => /^vrrp_(?:instance|sync_group)$/.test(keywordOf(one))

/** True when there is somebody to send mail to, and a server to send it through: without both keepalived sends none. */
export function canMail(top: readonly Directive[]): boolean {
  const lines = globalLines(top)
  return (
    lines.some((line) => keywordOf(line) === 'notification_email' && (line.block ?? []).length > 0) &&
    lines.some((line) => keywordOf(line) === 'smtp_server' && argumentOf(line) !== '')
  )
}
