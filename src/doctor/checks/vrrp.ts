import { contains } from '../../base/ip.js'
import type { VrrpConfig } from '../../config/schema.js'
import { priorityRanges } from '../../config/weight-rules.js'
import type { Facts, HeardAdvert } from '../facts.js'
import { type Check, error, note, warning } from '../finding.js'

/** What the configuration of the election says, and what is heard on the link about it. */

const KEEPALIVED_DEFAULT_VRID = 51
const PASSWORD_BYTES = 8

/** Adverts of the group that an instance takes part in, or that somebody else uses. */
const heardFor = ({ heard }: Facts, one: VrrpConfig): HeardAdvert[] =>
  heard.filter((advert) => advert.interface === one.interface && advert.vrid === one.virtualRouterId)

const addressesOf = (one: VrrpConfig): string => one.virtualIpaddress.map(({ address }) => address).join(', ')

const sharesAddress = (advert: HeardAdvert, one: VrrpConfig): boolean =>
  one.virtualIpaddress.some(({ address }) => advert.addresses.includes(address))

export const vrrpChecks: readonly Check[] = [
  {
    name: 'default-vrid',
    title: 'no instance has the virtual_router_id of everybody’s example',
    look: ({ config }) =>
      config.vrrp
        .filter((one) => one.virtualRouterId === KEEPALIVED_DEFAULT_VRID)
        .map((one) =>
          warning(
            `${one.name} has virtual_router_id ${KEEPALIVED_DEFAULT_VRID}`,
            'keepalived’s own examples and most copies of them have 51: a second cluster on this link that was set up the same way takes part in the election',
            `virtual_router_id: ${freeVrid(config.vrrp)}, on all nodes at the same time`
          )
        )
  },
  {
    name: 'foreign-vrid',
    title: 'nobody else uses our virtual_router_id on the link',
    look: (facts) =>
      facts.config.vrrp.flatMap((one) =>
        heardFor(facts, one)
          .filter((advert) => advert.addresses.length > 0 && !sharesAddress(advert, one))
          .map((advert) =>
            error(
              `${advert.source} uses virtual_router_id ${advert.vrid} on ${advert.interface} for ${advert.addresses.join(', ')}; ${one.name} is for ${addressesOf(one)}`,
              'both take part in one election: one of the two groups has no master',
              `virtual_router_id: ${freeVrid(facts.config.vrrp, facts.heard)}, on all nodes of one of the groups`
            )
          )
      )
  },
  {
    name: 'other-speakers',
    title: 'no other VRRP group is heard on the link',
    look: ({ config, heard }) => {
      const isOurs = (advert: HeardAdvert): boolean =>
        config.vrrp.some((one) => one.interface === advert.interface && one.virtualRouterId === advert.vrid)
      return heard
        .filter((advert) => !isOurs(advert))
        .map(({ source, vrid, addresses, interface: name }) =>
          note(
            `${source} speaks VRRP with virtual_router_id ${vrid} on ${name}, for ${addresses.join(', ') || 'no address'}`,
            'it is another group, and does no harm; that id is taken',
            'nothing, or a link of its own'
          )
        )
    }
  },
  {
    name: 'advert-mismatch',
    title: 'adverts that are heard fit the configuration',
    look: (facts) =>
      facts.config.vrrp.flatMap((one) =>
        heardFor(facts, one)
          .filter((advert) => advert.addresses.length === 0 || sharesAddress(advert, one))
          .flatMap((advert) => {
            const wrong = mismatch(advert, one)
            if (wrong === undefined) return []
            return [
              error(
                `${advert.source} sends ${wrong.theirs}; ${one.name} has ${wrong.ours}`,
                'each refuses the adverts of the other: there will be two masters',
                wrong.mend
              )
            ]
          })
      )
  },
  {
    name: 'weights-cannot-swap',
    title: 'weights reach the priority of the node that is heard',
    look: (facts) =>
      priorityRanges(facts.config).flatMap(({ name, tracked, least, most }) => {
        const one = facts.config.vrrp.find((instance) => instance.name === name)
        if (one === undefined) return []
        return heardFor(facts, one)
          .filter(({ priority }) => priority > 0 && (priority <= least || priority >= most))
          .map(({ source, priority }) =>
            warning(
              `${name}: ${tracked.join(', ')} can move its priority between ${least} and ${most}; ${source} has ${priority}`,
              'whatever becomes of what is tracked, the order of the two nodes stays: no failure passes the address on',
              `a weight of at least ${Math.abs(priority - one.priority) + 1}, of that sign`
            )
          )
      })
  },
  {
    name: 'cut-password',
    title: 'no password is longer than what is sent of it',
    look: ({ config }) =>
      config.vrrp
        .filter((one) => Buffer.byteLength(one.authentication?.pass ?? '') > PASSWORD_BYTES)
        .map((one) =>
          warning(
            `auth_pass of ${one.name} is longer than ${PASSWORD_BYTES} bytes`,
            'the rest is cut, as keepalived does: passwords that differ behind the eighth byte are the same',
            `auth_pass: its first ${PASSWORD_BYTES} bytes; or auth_hmac, which is a real signature`
          )
        )
  },
  {
    name: 'vip-answered',
    title: 'no two hosts answer for a virtual address',
    look: (facts) =>
      facts.config.vrrp.flatMap((one) => {
        const hasMaster = heardFor(facts, one).some(({ priority }) => priority > 0)
        return one.virtualIpaddress.flatMap(({ address }) => {
          const macs = [...new Set(facts.answers.filter((answer) => answer.address === address).map(({ mac }) => mac))]
          const isHeldHere = facts.links.some(({ addresses }) => addresses.some((held) => held.address === address))
          if (macs.length === 0 || (macs.length === 1 && hasMaster && !isHeldHere)) return []
          return [
            error(
              `${address} is answered by ${macs.join(' and ')}${isHeldHere ? ', and held here' : hasMaster ? '' : ', and nobody sends adverts for it'}`,
              'clients reach whoever answered last',
              `on the host with that MAC: ip address del ${address}/32 dev INTERFACE, after its keepalived was stopped`
            )
          ]
        })
      })
  },
  {
    name: 'vip-subnet',
    title: 'virtual addresses belong to a subnet of their interface',
    look: ({ config, links }) =>
      config.vrrp.flatMap((one) =>
        one.virtualIpaddress
          .filter((vip) => {
            const link = links.find(({ name }) => name === (vip.dev ?? one.interface))
            const own = link?.addresses.filter(
              ({ family, length }) => family === vip.family && length < (family === 4 ? 32 : 128)
            )
            return own !== undefined && own.length > 0 && !own.some((subnet) => contains(subnet, vip))
          })
          .map((vip) =>
            warning(
              `${vip.address} is in no subnet of ${vip.dev ?? one.interface}`,
              'hosts on the link send it to their router and not here, and routers drop it unless they have a route',
              `an address of the link’s subnet, or a route to ${vip.address} on the link’s routers and hosts`
            )
          )
      )
  }
]

function mismatch(advert: HeardAdvert, one: VrrpConfig): { theirs: string; ours: string; mend: string } | undefined {
  if (advert.version !== one.version) {
    return {
      theirs: `VRRP version ${advert.version}`,
      ours: `version ${one.version}`,
      mend: `version: ${advert.version} here, or vrrp_version ${one.version} there`
    }
  }
  if (advert.version === 2 && advert.advertIntMs !== one.advertIntMs) {
    return {
      theirs: `an advert each ${advert.advertIntMs / 1000} s`,
      ours: `advert_int ${one.advertIntMs / 1000} s`,
      mend: `advert_int: ${advert.advertIntMs / 1000}s here, or ${one.advertIntMs / 1000} there`
    }
  }
  if (advert.version !== 2 || one.authHmac !== null) return undefined
  const pass = one.authentication?.pass
  const [theirs, ours] = [advert.authType === 1 ? 'a password' : 'no password', pass === undefined ? 'none' : 'one']
  if ((advert.authType === 1) !== (pass !== undefined))
    return { theirs, ours, mend: 'the same authentication on all nodes' }
  const padded = Buffer.alloc(PASSWORD_BYTES)
  padded.write(pass ?? '')
  if (pass === undefined || advert.authData === padded.toString('latin1')) return undefined
  return { theirs: 'another password', ours: 'its own', mend: 'the same auth_pass on all nodes' }
}

/** One that nobody here has, far from where people begin to count. */
function freeVrid(instances: readonly VrrpConfig[], heard: readonly HeardAdvert[] = []): number {
  const taken = new Set([...instances.map((one) => one.virtualRouterId), ...heard.map(({ vrid }) => vrid)])
  for (let vrid = 151; vrid !== 150; vrid = (vrid % 255) + 1) if (!taken.has(vrid)) return vrid
  return 150
}
