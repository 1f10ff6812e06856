import type { BadPacket } from './advert.js'
import type { ConditionName } from './conditions.js'

/** What each condition means, and what to do about it. */
export const conditionWords: Readonly<Record<ConditionName, string>> = {
  'foreign-vrid':
    'Another virtual router uses this virtual_router_id on this link: give one of the two another number, and see by the MAC whose it is.',
  'address-list-mismatch':
    'A peer advertises other addresses under this virtual_router_id: make virtual_ipaddress the same on every node, or the VRID different if it is another cluster.',
  'version-mismatch':
    'A peer speaks another VRRP version and is not heard, which makes two masters: set the same version on every node.',
  'interval-mismatch': 'A peer has another advert_int, which version 2 refuses: set the same advert_int on every node.',
  'password-mismatch':
    'A peer signs otherwise than we do and is not heard, which makes two masters: make authentication and auth_hmac (keys, active key, clocks) the same on every node.',
  ttl: 'An advert came with a TTL below the least allowed: it passed a router or was forged; find its sender, or allow its distance (min_ttl) if it is a peer behind a router.',
  checksum:
    'Adverts come with a wrong checksum: a device on the way damages them, or the peer counts it in a way that we do not know.',
  'no-adverts-heard':
    'No peer has been heard since the link came up: check that the others run, and that protocol 112 and multicast pass switches, security groups and firewalls.',
  'one-way':
    'A peer of lower priority goes on as master, so it does not hear us: check protocol 112 on the way from here to it, and multicast snooping.',
  'two-masters':
    'Another node is master at the same time: both hold the virtual address until one yields; see the other conditions for the reason.',
  'duplicate-owner': 'Another MAC answers for the virtual address: remove the address from that host.',
  'duplicate-address':
    'Adverts come from our own address: another host has the same address, or the network sends our packets back.',
  'unknown-peer':
    'Somebody who is no unicast peer of ours advertises this virtual router: add it to unicast_peer, or give it another virtual_router_id.'
}

/** Why an advert was refused, by whichever step. */
export type Refusal =
  | BadPacket
  | 'auth_type'
  | 'auth_missing'
  | 'auth_key'
  | 'auth_digest'
  | 'auth_time'
  | 'auth_replay'
  | 'peer'
  | 'transport'

interface Meaning {
  /** undefined: a damaged packet, which says nothing about a peer's configuration. */
  readonly condition: ConditionName | undefined
  readonly detail: string
}

const REFUSALS: Readonly<Record<Refusal, Meaning>> = {
  length: { condition: undefined, detail: 'its length does not fit its address count' },
  type: { condition: undefined, detail: 'it is not an advertisement' },
  count: { condition: undefined, detail: 'it names no address' },
  address: { condition: undefined, detail: 'its first address is not link-local' },
  version: { condition: 'version-mismatch', detail: 'its VRRP version is not ours' },
  checksum: { condition: 'checksum', detail: 'its checksum is wrong' },
  vrid: { condition: 'foreign-vrid', detail: 'its virtual_router_id is not configured here' },
  ttl: { condition: 'ttl', detail: 'its TTL is below the least allowed' },
  interval: { condition: 'interval-mismatch', detail: 'its advert_int is not ours' },
  auth: { condition: 'password-mismatch', detail: 'its authentication type or password is not ours' },
  auth_type: { condition: 'password-mismatch', detail: 'its authentication type is not ours' },
  auth_missing: { condition: 'password-mismatch', detail: 'it carries no signature (auth_hmac)' },
  auth_key: { condition: 'password-mismatch', detail: 'it is signed with a key id that is not configured here' },
  auth_digest: { condition: 'password-mismatch', detail: 'its signature is wrong: the keys under this id differ' },
  auth_time: { condition: 'password-mismatch', detail: 'its signature is outside the time window: the clocks differ' },
  auth_replay: { condition: 'password-mismatch', detail: 'its signature is not newer than the last: it was replayed' },
  peer: { condition: 'unknown-peer', detail: 'its sender is not in unicast_peer' },
  transport: { condition: 'unknown-peer', detail: 'it came by multicast to a unicast instance, or the other way round' }
}

const isRefusal = (why: string): why is Refusal => Object.hasOwn(REFUSALS, why)

/** The condition that a refused advert is a sign of; undefined where it is of none, or the reason is not known. */
export const conditionOf = (why: string): ConditionName | undefined =>
  isRefusal(why) ? REFUSALS[why].condition : undefined

/** The detail for `raise`; the reason itself where it is not known. */
export const detailOf = (why: string): string => (isRefusal(why) ? REFUSALS[why].detail : why)
