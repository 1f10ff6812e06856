import type { Facts, FirewallChain, FirewallRule } from '../facts.js'
import { type Check, error, type Found } from '../finding.js'

/** Whether nftables lets in what vipd lives by. Rules with conditions that are not understood decide nothing here. */

const [TCP, VRRP] = [6, 112]

/** What becomes of such a packet in a chain: the first rule that surely takes it, else the policy; with how many it has taken. */
function fate(
  { rules, drops }: FirewallChain,
  protocol: number,
  port?: number
): { drops: boolean; rule?: FirewallRule } {
  let mayPass = false
  for (const rule of rules) {
    if (rule.protocol !== undefined && rule.protocol !== protocol) continue
    if (
      rule.ports !== undefined &&
      (port === undefined || !rule.ports.some(([low, high]) => port >= low && port <= high))
    )
      continue
    if (!rule.isPartial) return { drops: rule.verdict === 'drop' && !mayPass, rule }
    // Perhaps the packets of our link are those that it lets in.
    if (rule.verdict === 'accept' && rule.protocol === protocol) mayPass = true
  }
  return { drops: drops && !mayPass }
}

function dropped(facts: Facts, protocol: number, what: string, accept: string, port?: number): Found[] {
  return facts.firewall.flatMap((chain) => {
    const { drops, rule } = fate(chain, protocol, port)
    if (!drops) return []
    const count = rule?.packets === undefined ? '' : `, ${rule.packets} packets so far`
    return [
      error(
        `${chain.name} drops ${what} (${rule === undefined ? 'by its policy' : 'by a rule'}${count})`,
        protocol === VRRP
          ? 'this node hears no adverts and becomes master beside another one'
          : 'clients cannot connect',
        `nft insert rule ${chain.name} ${accept}`
      )
    ]
  })
}

export const firewallChecks: readonly Check[] = [
  {
    name: 'firewall-vrrp',
    title: 'the firewall lets adverts in',
    look: (facts) =>
      facts.config.vrrp.length === 0 ? [] : dropped(facts, VRRP, 'IP protocol 112 (VRRP)', 'meta l4proto 112 accept')
  },
  {
    name: 'firewall-port',
    title: 'the firewall lets clients in',
    look: (facts) => {
      const binds = facts.config.proxy.flatMap((one) => one.bind)
      const ports = [...new Set(binds.flatMap((bind) => (bind.kind === 'tcp' ? [bind.port] : [])))]
      return ports.flatMap((port) => dropped(facts, TCP, `TCP to port ${port}`, `tcp dport ${port} accept`, port))
    }
  }
]
