import type { VrrpConfig } from '../../config/schema.js'
import { TRAILER_BYTES } from '../../vrrp/hmac.js'
import type { Facts } from '../facts.js'
import { type Check, error, warning } from '../finding.js'

/** The interfaces, and what the kernel does with ARP and multicast on them. */

const IP_HEADER_BYTES = { 4: 20, 6: 40 } as const
const ADDRESS_BYTES = { 4: 4, 6: 16 } as const

/** What is in force on an interface: the kernel takes the greater of `all` and its own. */
function inForce({ sysctl }: Facts, name: string, key: string): number {
  const value = (where: string): number => Number(sysctl.get(`net/ipv4/conf/${where}/${key}`) ?? 0)
  return Math.max(value('all'), value(name))
}

const unique = (names: readonly string[]): string[] => [...new Set(names)]

/** Where the addresses of an instance go. */
const devices = (one: VrrpConfig): string[] => unique(one.virtualIpaddress.map(({ dev }) => dev ?? one.interface))

/** Instances whose addresses are found by ARP. */
const byArp = (facts: Facts): VrrpConfig[] => facts.config.vrrp.filter(({ family }) => family === 4)

export const linkChecks: readonly Check[] = [
  {
    name: 'interface',
    title: 'the interfaces of all instances are there and up',
    look: ({ config, links }) =>
      unique(config.vrrp.flatMap((one) => [one.interface, ...devices(one)])).flatMap((name) => {
        const link = links.find((one) => one.name === name)
        if (link?.isUp === true) return []
        const known = links.map((one) => one.name).join(', ')
        return [
          error(
            link === undefined ? `there is no interface ${name}` : `${name} is down`,
            'its instances are in FAULT until it is there',
            link === undefined
              ? `interface: one of ${known || 'those of `ip link`'}`
              : `ip link set ${name} up, and its cable`
          )
        ]
      })
  },
  {
    name: 'rp-filter',
    title: 'reverse path filtering drops nothing that is meant for a service',
    look: (facts) => {
      const names = unique(facts.config.vrrp.map((one) => one.interface))
      const strict = names.filter((name) => inForce(facts, name, 'rp_filter') === 1)
      const isAsymmetric =
        facts.config.proxy.some((one) => one.isTransparent) ||
        facts.config.vrrp.some((one) => devices(one).some((name) => name !== one.interface))
      if (!isAsymmetric) return []
      return strict.map((name) =>
        warning(
          `net.ipv4.conf.${name}.rp_filter is strict, and packets of a service come in by one interface and belong to another`,
          'the kernel drops what would not be answered by the interface that it came in by',
          `sysctl -w net.ipv4.conf.${name}.rp_filter=2`
        )
      )
    }
  },
  {
    name: 'arp-ignore',
    title: 'the kernel answers ARP requests for the virtual addresses',
    look: (facts) =>
      unique(byArp(facts).map((one) => one.interface)).flatMap((name) => {
        const value = inForce(facts, name, 'arp_ignore')
        const isElsewhere = byArp(facts).some(
          (one) => one.interface === name && devices(one).some((dev) => dev !== name)
        )
        if (value === 0 || (value === 1 && !isElsewhere)) return []
        return [
          error(
            `net.ipv4.conf.${name}.arp_ignore is ${value}`,
            value === 1
              ? 'only addresses of the interface itself are answered for, and a virtual address is on another one'
              : 'requests for a virtual address are not answered: it is a /32 that shares no subnet with who asks',
            `sysctl -w net.ipv4.conf.${name}.arp_ignore=${isElsewhere ? 0 : 1}, and net.ipv4.conf.all.arp_ignore the same`
          )
        ]
      })
  },
  {
    name: 'arp-announce',
    title: 'ARP requests of this host do not carry a virtual address that is elsewhere',
    look: (facts) =>
      byArp(facts)
        .filter((one) => devices(one).some((dev) => dev !== one.interface))
        .filter((one) => inForce(facts, one.interface, 'arp_announce') < 2)
        .map((one) =>
          warning(
            `net.ipv4.conf.${one.interface}.arp_announce is below 2, and an address of ${one.name} is on another interface`,
            'a backup that asks for its router may do so in the name of the virtual address: others then send to it',
            `sysctl -w net.ipv4.conf.${one.interface}.arp_announce=2`
          )
        )
  },
  {
    name: 'igmp-snooping',
    title: 'multicast adverts pass the bridge',
    look: ({ config, links }) =>
      config.vrrp.flatMap((one) => {
        const bridge = links.find(({ name }) => name === one.interface)?.bridge
        // A switch floods 224.0.0.0/24 and ff02::/16 whatever it has learned (RFC 4541 §2.1.2).
        const isFlooded = one.group.startsWith('224.0.0.') || one.group.startsWith('ff02:')
        if (one.unicast !== null || isFlooded || bridge === undefined || !bridge.snooping || bridge.querier) return []
        return [
          warning(
            `${one.name} sends to ${one.group} over a bridge that snoops IGMP without a querier`,
            'the bridge forgets who listens after some minutes, and then every node is master',
            'leave out mcast_dst_ip (224.0.0.18 is always passed on), or write unicast_peer, or switch multicast_querier on'
          )
        ]
      })
  },
  {
    name: 'mtu',
    title: 'adverts fit into the MTU',
    look: ({ config, links }) =>
      config.vrrp.flatMap((one) => {
        const mtu = links.find(({ name }) => name === one.interface)?.mtu
        const body = 8 + one.virtualIpaddress.length * ADDRESS_BYTES[one.family] + (one.version === 2 ? 8 : 0)
        const bytes = IP_HEADER_BYTES[one.family] + body + (one.authHmac === null ? 0 : TRAILER_BYTES)
        if (mtu === undefined || bytes <= mtu) return []
        return [
          error(
            `an advert of ${one.name} has ${bytes} bytes, the MTU of ${one.interface} is ${mtu}`,
            'adverts that do not fit are not sent in one piece, and fragments are refused',
            `move some of its ${one.virtualIpaddress.length} addresses to virtual_ipaddress_excluded`
          )
        ]
      })
  }
]
