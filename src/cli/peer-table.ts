import type { Status } from '../admin/status.js'
import type { PeerStatus } from '../peers/peers.js'
import { ago, flow, type Paint, printable, wrap } from './text.js'

/** The other nodes: who is there, who is master, what they see of the servers; and why one is not heard. */
export function peerLines({ peers }: Status, paint: Paint, now: number): string[] {
  if (peers === null) return []
  const refused = Object.entries(peers.refused).filter(([, count]) => count > 0)
  return [
    '',
    `${paint('NODES', 'bold')} channel at ${peers.listen}`,
    ...(peers.error === null ? [] : troubleLines(`nobody can come in: ${peers.error}`, paint)),
    ...peers.nodes.flatMap((one) => nodeLines(one, paint, now)),
    ...(refused.length === 0
      ? []
      : troubleLines(`not listened to: ${refused.map(([why, count]) => `${why} ${count}`).join(', ')}`, paint))
  ]
}

function nodeLines({ address, view, heard_at, is_heard, error }: PeerStatus, paint: Paint, now: number): string[] {
  const name = view === null ? address : `${printable(view.node)} (${address})`
  const heard = heard_at === null ? 'never heard' : `heard ${ago(heard_at, now)} ago`
  const state = is_heard ? paint('there', 'green') : paint(heard, 'yellow')
  const trouble = error === null ? [] : troubleLines(`cannot be told anything: ${error}`, paint, '    ')
  if (view === null) return [`  ${name}  ${state}`, ...trouble]
  const version = `version ${printable(view.version)}`
  const roles = view.vrrp.map((one) => `${one.name} ${one.state} (priority ${one.effective_priority})`)
  const services = view.proxy.map(({ name: service, sessions, servers }) => {
    const up = servers.filter(({ status }) => status === 'UP').length
    return `${service}: ${sessions} sessions, ${up} of ${servers.length} servers UP`
  })
  const facts = [version, ...roles, ...services].map(printable)
  return [`  ${name}  ${state}`, ...flow(facts, ', ', '    '), ...trouble]
}

const troubleLines = (text: string, paint: Paint, indent = '  '): string[] =>
  wrap(`${indent}! `, text).map((line) => line.replace('!', paint('!', 'yellow')))
