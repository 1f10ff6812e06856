import type { Family } from '../../base/ip.js'
import { argumentOf, type Directive, keywordOf } from './directive.js'
import { type AddressScope, firstFamily, importAddresses, linkLocalFirst } from './keepalived-address.js'
import { importAuthentication } from './keepalived-auth.js'
import {
  add,
  addList,
  blockComments,
  createDraft,
  flagNode,
  flagOf,
  type Handler,
  hasKey,
  leave,
  leaveOut,
  nameEntry,
  nameFrom,
  numberNode,
  secondsNode,
  takeLines,
  taking,
  textNode
} from './keepalived-draft.js'
import {
  addElection,
  type ElectionDraft,
  takeAdvertInt,
  takePreempt,
  takePreemptDelay,
  takeState
} from './keepalived-election.js'
import type { GlobalDefaults } from './keepalived-globals.js'
import { importHmac, type KeyFiles } from './keepalived-hmac.js'
import { type MailDraft, NOTIFY_HANDLERS } from './keepalived-notify.js'
import type { Tracked, TrackedKind } from './keepalived-tracked.js'
import { type TrackKey, type TrackScope, takeTracks } from './keepalived-tracks.js'
import { takePeers, takeSource } from './keepalived-unicast.js'
import { INSTANCE_LEFTOVERS } from './keepalived-words.js'
import type { Report } from './report.js'
import { durationNode, entry, type Item, item, type ListNode, map, numberOr, scalar } from './yaml-tree.js'

/** What an instance takes from the rest of the file. */
export interface InstanceScope {
  readonly globals: GlobalDefaults
  readonly tracked: ReadonlyMap<TrackedKind, ReadonlyMap<string, Tracked>>
  /** Members of sync groups, by vipd's names; true: keepalived lets their weights count. */
  readonly grouped: ReadonlyMap<string, boolean>
  readonly keyFiles: KeyFiles
  readonly canMail: boolean
}

/** One vrrp_instance as an item of `vrrp:`, or undefined when it had to be left out (the report says why). */
export function importInstance(instance: Directive, scope: InstanceScope, report: Report): Item | undefined {
  const draft = createInstanceDraft(instance, scope, report)
  takeLines(draft, instance.block ?? [], HANDLERS, INSTANCE_LEFTOVERS)
  if (draft.isLeftOut) return undefined
  addElection(draft, instance)
  for (const line of scope.globals.instance) addDefault(draft, line)
  if (draft.version === '3' && draft.family === 4 && !hasKey(draft, 'version')) {
    draft.entries.push(entry('version', numberOr(draft.version)))
  }
  report.carry(instance)
  const place = { file: report.file, line: instance.line }
  const tail = [...draft.behind, ...instance.tail]
  return item(map([nameEntry(instance, report), ...draft.entries], false, tail), {
    above: blockComments(instance),
    place
  })
}

interface InstanceDraft extends MailDraft, ElectionDraft {
  readonly instance: Directive
  readonly scope: InstanceScope
  readonly family: Family
  readonly interfaceName: string
  readonly isUnicast: boolean
  readonly source: string
  readonly unicastTtl: string
  readonly hasKeys: boolean
  isLeftOut: boolean
}

function createInstanceDraft(instance: Directive, scope: InstanceScope, report: Report): InstanceDraft {
  const lines = instance.block ?? []
  const last = (keyword: string): Directive | undefined => lines.findLast((line) => keywordOf(line) === keyword)
  const settingValue = (keyword: string): string => argumentOf(last(keyword) ?? { ...instance, words: [] })
  const strict = last('strict_mode')
  const family = firstFamily(lines.find((line) => keywordOf(line) === 'virtual_ipaddress'))
  const state = settingValue('state').toUpperCase()
  const priority = settingValue('priority')
  const wish = lines.findLast((line) => /^(?:no)?preempt$/.test(keywordOf(line)))
  const isOwner = priority === '255' || (state === 'MASTER' && priority === '')
  return {
    ...createDraft(report),
    canMail: scope.canMail,
    instance,
    scope,
    family,
    version: family === 6 ? '3' : settingValue('version') || scope.globals.version,
    state,
    priority,
    isOwner,
    isNopreempt: wish !== undefined && keywordOf(wish) === 'nopreempt' && state !== 'MASTER' && !isOwner,
    interfaceName: settingValue('interface'),
    isStrict: strict === undefined ? scope.globals.isStrict : (flagOf(strict) ?? true),
    isUnicast: last('unicast_peer') !== undefined,
    source: settingValue('unicast_src_ip') || settingValue('mcast_src_ip'),
    unicastTtl: settingValue('unicast_ttl'),
    hasKeys: last('auth_hmac') !== undefined,
    isLeftOut: false
  }
}

const takeVersion: Handler<InstanceDraft> = (draft, line) => {
  if (draft.family === 4 || argumentOf(line) !== '2') add(draft, 'version', numberNode(line), line)
  else
    leaveOut(
      draft,
      line,
      'changed',
      'version 2',
      'version 2 is for IPv4 alone: an IPv6 instance has version 3. The other nodes need it too'
    )
}

const takeAuthentication: Handler<InstanceDraft> = (draft, line) => {
  const why = draft.isStrict
    ? 'keepalived ignores it in strict mode: left out'
    : draft.version === '3'
      ? 'VRRP version 3 has no passwords, keepalived ignores it too: left out'
      : draft.hasKeys
        ? 'keepalived ignores it beside auth_hmac: left out'
        : ''
  if (why !== '') {
    leaveOut(draft, line, 'warning', 'authentication', why)
    return
  }
  const node = importAuthentication(line, draft.report)
  if (node === 'refused') draft.isLeftOut = true
  else if (node === undefined) leave(draft, line)
  else add(draft, 'authentication', node, line)
}

const takeHmac: Handler<InstanceDraft> = (draft, line) =>
  add(draft, 'auth_hmac', importHmac(line, argumentOf(draft.instance), draft.scope.keyFiles, draft.report), line)

const takeAddresses: Handler<InstanceDraft> = (draft, line) => {
  const scope: AddressScope = { interfaceName: draft.interfaceName, family: draft.family }
  const node = importAddresses(line, scope, draft.report)
  if (node.items.length > 0) {
    const isFirst = !hasKey(draft, 'virtual_ipaddress')
    const vrid = draft.instance.block?.findLast((one) => keywordOf(one) === 'virtual_router_id')
    const isLinkLocal = draft.family === 6 && isFirst
    const listed = isLinkLocal
      ? linkLocalFirst(node, vrid === undefined ? '' : argumentOf(vrid), line, draft.report)
      : node
    addList(draft, 'virtual_ipaddress', listed, line)
  } else if ((line.block ?? []).length === 0) {
    draft.report.add('error', line, 'virtual_ipaddress', 'holds no address: write one on a line of its own')
  } else leaveOut(draft, line, 'changed', 'virtual_ipaddress', 'no address of it is left')
}

const takeExcluded: Handler<InstanceDraft> = (draft, line) => {
  const scope: AddressScope = { interfaceName: draft.interfaceName, family: undefined }
  const node: ListNode = importAddresses(line, scope, draft.report)
  if (node.items.length > 0) addList(draft, 'virtual_ipaddress_excluded', node, line)
  else leaveOut(draft, line, 'warning', 'virtual_ipaddress_excluded', 'holds no address: left out')
}

const takeNoAddress: Handler<InstanceDraft> = (draft, line) => {
  leave(draft, line)
  if ((draft.instance.block ?? []).some((one) => keywordOf(one) === 'virtual_ipaddress')) return
  draft.isLeftOut = true
  const text = 'vipd holds addresses: an instance that has none, for scripts alone, is left out'
  draft.report.add('changed', line, 'no_virtual_ipaddress', text)
}

/** Keys that are for adverts of one kind only: with the other kind they mean nothing to keepalived either. */
const forUnicast: Handler<InstanceDraft> = (draft, line) => {
  if (!draft.isUnicast)
    leaveOut(draft, line, 'warning', keywordOf(line), 'means nothing without `unicast_peer`: left out')
  else add(draft, keywordOf(line), keywordOf(line) === 'unicast_ttl' ? numberNode(line) : flagNode(line), line)
}

const takeGroup: Handler<InstanceDraft> = (draft, line) => {
  if (draft.isUnicast) leaveOut(draft, line, 'warning', 'mcast_dst_ip', 'means nothing with `unicast_peer`: left out')
  else add(draft, 'mcast_dst_ip', textNode(line), line)
}

const takeChecksum: Handler<InstanceDraft> = (draft, line) => {
  if (draft.version === '3' && draft.family === 4) add(draft, 'v3_checksum_as_v2', flagNode(line), line)
  else leaveOut(draft, line, 'warning', 'v3_checksum_as_v2', 'is for version 3 over IPv4 alone: left out')
}

const takeTrack = (key: TrackKey): Handler<InstanceDraft> => {
  return (draft, line) => takeTracks(draft, line, key, trackScope(draft))
}

/** Weights that keepalived ignores, and those that vipd refuses because nothing follows from them. */
function trackScope(draft: InstanceDraft): TrackScope {
  const isCounting = draft.scope.grouped.get(nameFrom(argumentOf(draft.instance)))
  const fault = 'Without a weight (`{ name: …, weight: 0 }`) a failure is a fault, and the address moves'
  const unweighted =
    isCounting === false
      ? {
          level: 'warning' as const,
          text: `keepalived ignores tracks with a weight in a member of a sync group: left out. ${fault}`
        }
      : isCounting === true
        ? {
            level: 'changed' as const,
            text: `a sync group moves as one, so vipd knows no weights in its members: left out. ${fault}`
          }
        : draft.isOwner
          ? {
              level: 'warning' as const,
              text: `nothing lowers the owner’s priority 255, in keepalived either: left out. ${fault}`
            }
          : draft.isNopreempt
            ? {
                level: 'changed' as const,
                text: `with nopreempt no backup takes over from a master whose priority sinks, so the weight moved nothing while that master lived: left out. ${fault}; or write \`preempt: true\` on every node`
              }
            : undefined
  return { tracked: draft.scope.tracked, interfaceName: draft.interfaceName, unweighted }
}

const HANDLERS = new Map<string, Handler<InstanceDraft>>([
  ['interface', taking(textNode)],
  ['virtual_router_id', taking(numberNode)],
  ['priority', taking(numberNode)],
  ['version', takeVersion],
  ['advert_int', takeAdvertInt],
  ['preempt', takePreempt],
  ['nopreempt', takePreempt],
  ['preempt_delay', takePreemptDelay],
  ['down_timer_adverts', taking(numberNode)],
  ['state', takeState],
  ['authentication', takeAuthentication],
  ['auth_hmac', takeHmac],
  ['virtual_ipaddress', takeAddresses],
  ['virtual_ipaddress_excluded', takeExcluded],
  ['no_virtual_ipaddress', takeNoAddress],
  ['v3_checksum_as_v2', takeChecksum],
  [
    'unicast_peer',
    (draft, line) => takePeers(draft, line, { family: draft.family, source: draft.source, ttl: draft.unicastTtl })
  ],
  ['unicast_src_ip', (draft, line) => takeSource(draft, line, draft.isUnicast)],
  ['mcast_src_ip', (draft, line) => takeSource(draft, line, draft.isUnicast)],
  ['mcast_dst_ip', takeGroup],
  ['unicast_ttl', forUnicast],
  ['check_unicast_src', forUnicast],
  ['garp_master_repeat', taking(numberNode)],
  ['garp_master_delay', taking(secondsNode)],
  ['garp_master_refresh', taking(secondsNode)],
  ['garp_master_refresh_repeat', taking(numberNode)],
  ['garp_lower_prio_repeat', taking(numberNode)],
  ['garp_lower_prio_delay', taking(secondsNode)],
  ['track_interface', takeTrack('track_interface')],
  ['track_script', takeTrack('track_script')],
  ['track_file', takeTrack('track_file')],
  ['track_process', takeTrack('track_process')],
  ...NOTIFY_HANDLERS
])

/** A line of global_defs, for an instance that has none of its own. */
function addDefault(draft: InstanceDraft, line: Directive): void {
  const keyword = keywordOf(line)
  const bare = { ...line, above: [], beside: '' }
  const adding = (key: string, node: Item['node']): void => {
    draft.report.carry(line)
    if (!hasKey(draft, key)) add(draft, key, node, bare)
  }
  switch (keyword) {
    case 'vrrp_min_garp':
      if (flagOf(line) === false) return
      adding('garp_master_repeat', scalar(1))
      adding('garp_master_delay', scalar(0))
      return
    case 'vrrp_mcast_group4':
    case 'vrrp_mcast_group6': {
      const isOwn = keyword.endsWith(String(draft.family))
      const isUsual = ['224.0.0.18', 'ff02::12'].includes(argumentOf(line).toLowerCase())
      if (isOwn && !isUsual && !draft.isUnicast) adding('mcast_dst_ip', textNode(line))
      else draft.report.carry(line)
      return
    }
    case 'v3_checksum_as_v2':
      if (draft.version === '3' && draft.family === 4) adding(keyword, flagNode(line))
      else draft.report.carry(line)
      return
    case 'vrrp_check_unicast_src':
      if (draft.isUnicast) adding('check_unicast_src', flagNode(line))
      else draft.report.carry(line)
      return
    default: {
      const key = keyword.replace(/^vrrp_/, '')
      const isNumber = /(?:repeat|adverts)$/.test(key)
      adding(key, isNumber ? numberOr(argumentOf(line)) : durationNode(argumentOf(line), 's'))
    }
  }
}
