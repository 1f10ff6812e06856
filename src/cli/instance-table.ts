import type { Status } from '../admin/status.js'
import { formatDuration } from '../base/duration.js'
import type { InstanceStatus } from '../vrrp/snapshot.js'
import { ago, flow, type Paint, printable, wrap } from './text.js'
import { COLUMNS } from './width.js'

const COLOURS = { MASTER: 'green', BACKUP: 'dim', INIT: 'dim', FAULT: 'red' } as const

/** An instance for a person: what it is, where the addresses are, and whatever is not as it should be. */
export function instanceLines(one: InstanceStatus, paint: Paint, now: number): string[] {
  const names = [...one.virtual_ipaddress.map(nameOf), ...one.tracked.map(({ name }) => name)]
  const width = Math.max(20, ...names.map((name) => name.length))
  return [
    ...headLines(one, paint, now),
    ...flow(factsOf(one), ', ', '  '),
    ...tierLines(one, paint),
    ...one.virtual_ipaddress.map(
      (address) =>
        `  ${nameOf(address).padEnd(width)} ${address.held ? paint('held here', 'green') : paint('not held here', 'dim')}`
    ),
    ...one.tracked.flatMap((tracked) => trackedLines(tracked, width, paint)),
    ...senderLines(one, paint),
    ...one.conditions.flatMap((condition) => conditionLines(condition, paint, now))
  ]
}

/** Sync groups, with what their members are together. */
export const groupLines = ({ vrrp_sync_group: groups }: Status, paint: Paint): string[] =>
  groups.flatMap(({ name, state, group }) => [
    '',
    `${paint('SYNC GROUP', 'bold')} ${name}  ${state}`,
    ...flow(group, ', ', '  ')
  ])

/** The reason beside the state, or below it where it is long. */
function headLines(one: InstanceStatus, paint: Paint, now: number): string[] {
  const reason = one.state === 'FAULT' ? one.fault.join(', ') : one.reason
  const since = `for ${ago(one.since, now)}`
  const fits = `VRRP ${one.name}  ${one.state} ${since} (${reason})`.length <= COLUMNS
  const head = `${paint('VRRP', 'bold')} ${one.name}  ${paint(one.state, COLOURS[one.state])} ${since}`
  if (fits) return [`${head} (${printable(reason)})`]
  const reasons = one.state === 'FAULT' ? one.fault : [one.reason]
  return [head, ...reasons.flatMap((text) => wrap('  ', text)).map((line) => paint(line, COLOURS[one.state]))]
}

function factsOf(one: InstanceStatus): string[] {
  const configured = one.effective_priority === one.priority ? '' : ` (configured ${one.priority})`
  return [
    `VRID ${one.virtual_router_id} on ${one.interface}`,
    `version ${one.version}`,
    `priority ${one.effective_priority}${configured}`,
    `advert every ${formatDuration(one.advert_int_ms)}`,
    `master: ${masterOf(one)}`,
    ...(one.sync_group === null ? [] : [`sync group ${one.sync_group}`])
  ]
}

function masterOf({ state, master }: InstanceStatus): string {
  if (state === 'MASTER') return 'this node'
  return master === null ? 'nobody heard' : `${master.address} (priority ${master.priority})`
}

const TIERS = {
  serving: '',
  local: 'no server is UP, only the one on this node answers: a node that can serve is preferred',
  nothing: 'no server answers: a node that can serve is preferred',
  away: 'handed over on purpose (vipd failover): all other nodes are preferred; `vipd failover --back` ends it'
} as const

const tierLines = ({ tier }: InstanceStatus, paint: Paint): string[] =>
  tier === 'serving' ? [] : wrap('  ', TIERS[tier]).map((line) => paint(line, 'yellow'))

function trackedLines(one: InstanceStatus['tracked'][number], width: number, paint: Paint): string[] {
  const weight = one.weight === 0 ? '' : `, weight ${one.weight > 0 ? '+' : ''}${one.weight}`
  const detail = one.detail === '' ? '' : ` (${one.detail})`
  const name = one.name.padEnd(width)
  const state = one.state === 'init' ? 'no result yet' : one.state
  const [first = '', ...rest] = wrap(`  ${name} `, `${state}${weight}${detail}`)
  const at = name.length + 3
  const colour = one.state === 'up' ? 'green' : one.state === 'down' ? 'red' : 'yellow'
  return [
    `${first.slice(0, at)}${paint(first.slice(at, at + state.length), colour)}${first.slice(at + state.length)}`,
    ...rest
  ]
}

/** An instance without a socket sends nothing by anything. */
const senderLines = ({ sender, socket }: InstanceStatus, paint: Paint): string[] =>
  sender === 'thread' || socket === null
    ? []
    : [paint('  the main loop sends the adverts itself: they are late when it is busy', 'yellow')]

function conditionLines(one: InstanceStatus['conditions'][number], paint: Paint, now: number): string[] {
  const peer = one.peer === null ? [] : [one.peer.address, ...(one.peer.mac === null ? [] : [one.peer.mac])]
  const times = one.count > 1 ? `, ${one.count} times` : ''
  const who = peer.length === 0 ? '' : ` by ${peer.join(' at ')}`
  const [first = '', ...rest] = wrap('  ! ', `${one.name}${who} for ${ago(one.since, now)}${times}: ${one.detail}`)
  return [paint(first, 'yellow'), ...rest, ...wrap('    ', one.mend)]
}

const nameOf = ({ address, dev }: InstanceStatus['virtual_ipaddress'][number]): string =>
  dev === undefined ? address : `${address} dev ${dev}`
