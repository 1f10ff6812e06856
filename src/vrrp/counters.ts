import type { VrrpConfig } from '../config/schema.js'
import type { Addresses } from './addresses.js'
import type { Advert, BadPacket } from './advert.js'
import type { Announcer } from './announcer.js'
import type { Local, Packet } from './receive.js'
import type { Voice } from './voice.js'

/**
 * What an instance counts since the daemon started; names as keepalived's vrrp_stats where it has one. RFC 6527's
 * statistics are all among them: docs/operations.md has the table.
 */
export interface VrrpCounters {
  advert_rcvd: number
  advert_sent: number
  become_master: number
  release_master: number
  priority_zero_rcvd: number
  priority_zero_sent: number
  garp_sent: number
  /** Unsolicited neighbour advertisements. */
  gna_sent: number
  /** Adverts of lower priority heard as master. */
  lower_priority_rcvd: number
  /** Accepted, although they name other addresses than we do. */
  addr_list_err: number
  /** Version 3 over IPv4, accepted with a checksum over the message alone where we send a pseudo-header, or the reverse. */
  other_checksum_rcvd: number
  /** Version 3, accepted with another interval than ours. */
  other_interval_rcvd: number
  /** Refused for another type of authentication than ours, which `rejected.auth` has too. */
  authtype_mismatch: number
  /** Addresses that something else removed and vipd put back. */
  address_readded: number
  /** IPv6 addresses that the kernel had given up as duplicates, and vipd put back. */
  dad_failed_mended: number
  /** Times we were away for longer than a peer waits, and stepped back. */
  stalled: number
  /** Adverts that the kernel did not take. */
  send_err: number
  /** Packets refused, by the first reason. */
  rejected: Record<BadPacket, number>
}

/** An advert that was taken. @param isListAlike it names the addresses that we name */
export function countAccepted(counters: VrrpCounters, advert: Advert, config: VrrpConfig, isListAlike: boolean): void {
  counters.advert_rcvd++
  if (advert.priority === 0) counters.priority_zero_rcvd++
  if (!isListAlike) counters.addr_list_err++
  if (config.version === 2) return
  if (advert.advertIntMs !== config.advertIntMs) counters.other_interval_rcvd++
  if (config.family === 4 && advert.checksum !== config.checksum) counters.other_checksum_rcvd++
}

/** A packet that was refused. */
export function countRefused(counters: VrrpCounters, why: BadPacket, { payload }: Packet, local: Local): void {
  counters.rejected[why]++
  if (why === 'auth' && payload[4] !== (local.password === null ? 0 : 1)) counters.authtype_mismatch++
}

interface Parts {
  readonly voice: Pick<Voice, 'facts'>
  readonly announcer: Pick<Announcer, 'sent' | 'naSent'>
  readonly addresses: Pick<Addresses, 'readded' | 'dadMended'>
}

/** What an instance counts itself, with what its parts count. */
export function countedBy(own: VrrpCounters, { voice, announcer, addresses }: Parts): VrrpCounters {
  const { sent, zeroSent, errors } = voice.facts
  return {
    ...own,
    advert_sent: sent,
    priority_zero_sent: zeroSent,
    send_err: errors,
    garp_sent: announcer.sent,
    gna_sent: announcer.naSent,
    address_readded: addresses.readded,
    dad_failed_mended: addresses.dadMended
  }
}

/** All at zero: every counter is there before anything happened. */
export const newCounters = (): VrrpCounters => ({
  advert_rcvd: 0,
  advert_sent: 0,
  become_master: 0,
  release_master: 0,
  priority_zero_rcvd: 0,
  priority_zero_sent: 0,
  garp_sent: 0,
  gna_sent: 0,
  lower_priority_rcvd: 0,
  addr_list_err: 0,
  other_checksum_rcvd: 0,
  other_interval_rcvd: 0,
  authtype_mismatch: 0,
  address_readded: 0,
  dad_failed_mended: 0,
  stalled: 0,
  send_err: 0,
  rejected: {
    length: 0,
    version: 0,
    type: 0,
    checksum: 0,
    vrid: 0,
    ttl: 0,
    count: 0,
    auth: 0,
    interval: 0,
    address: 0,
    transport: 0,
    peer: 0,
    auth_missing: 0,
    auth_key: 0,
    auth_digest: 0,
    auth_time: 0,
    auth_replay: 0
  }
})
