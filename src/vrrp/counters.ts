import type { BadPacket } from './advert.js'

/** What an instance counts since the daemon started; names as keepalived's vrrp_stats where it has one. */
export interface VrrpCounters {
  advert_rcvd: number
  advert_sent: number
  become_master: number
  release_master: number
  priority_zero_rcvd: number
  priority_zero_sent: number
  garp_sent: number
  /** Addresses that something else removed and vipd put back. */
  address_readded: number
  /** Times we were away for longer than a peer waits, and stepped back. */
  stalled: number
  /** Packets refused, by the first reason. */
  rejected: Record<BadPacket, number>
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
  address_readded: 0,
  stalled: 0,
  rejected: { length: 0, version: 0, type: 0, checksum: 0, vrid: 0, ttl: 0, count: 0, auth: 0, interval: 0, address: 0 }
})
