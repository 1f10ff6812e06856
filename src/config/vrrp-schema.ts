import * as z from 'zod'
import { address, command, duration, flag, integer, interfaceName, list, map, name } from './fields.js'
import { hmac } from './hmac-schema.js'
import { trackFields, tracksOf } from './track-schema.js'
import { virtualAddress } from './vip-schema.js'

/** One VRRP instance. Keys are keepalived's own words; a bare number is seconds. */

const DAY_MS = 86_400_000
/** RFC 9568 §5.1.1.2 and §5.1.2.2. */
const GROUPS = { 4: '224.0.0.18', 6: 'ff02::12' } as const

const authentication = map(
  {
    auth_type: z
      .enum(['PASS'], {
        error: ({ input }) =>
          input === 'AH'
            ? 'must be PASS: AH (HMAC-MD5) was dropped from VRRP by RFC 3768; write `auth_hmac: { key: [ { id: 1, file: /etc/vipd/vrrp.key } ] }` instead of `authentication`'
            : 'must be PASS'
      })
      .default('PASS')
      .describe('Simple password, as keepalived; AH is not supported'),
    auth_pass: z
      .string({ error: () => 'must be text: put it in quotes, like "1111"' })
      .min(1, { error: () => 'must not be empty' })
      .regex(/^[\x20-\x7e]*$/, { error: () => 'must be printable ASCII' })
      .describe('At most 8 bytes; the rest is cut, as keepalived does')
  },
  'auth_type, auth_pass'
).transform((raw) => ({ type: raw.auth_type, pass: raw.auth_pass }))

const ttl = integer(1, 255)

/** `10.0.0.2`, or a map where the peer is more than one hop away. */
const peer = z
  .union(
    [
      address,
      map(
        {
          address,
          min_ttl: ttl
            .default(255)
            .describe('Adverts of this peer with a smaller TTL are refused; 255: it is on the link'),
          max_ttl: ttl.default(255).describe('… and with a greater one')
        },
        'address, min_ttl, max_ttl'
      )
    ],
    { error: () => 'must be an address, or a map of address, min_ttl, max_ttl' }
  )
  .transform((raw) =>
    typeof raw === 'string'
      ? { address: raw, minTtl: 255, maxTtl: 255 }
      : { address: raw.address, minTtl: raw.min_ttl, maxTtl: raw.max_ttl }
  )

const NO_PEERS =
  'must be a list of addresses of the other nodes: an empty one would be multicast; for that leave it out'

/** What is run at a transition; shared by instances and sync groups. */
export const notifyFields = {
  notify_master: command.optional().describe('Run on becoming master'),
  notify_backup: command.optional().describe('Run on becoming backup'),
  notify_fault: command.optional().describe('Run on a fault'),
  notify_stop: command.optional().describe('Run when vipd stops'),
  notify: command
    .optional()
    .describe(
      'Run on every transition with INSTANCE or GROUP, name, state and priority as arguments, as keepalived does'
    ),
  smtp_alert: flag.optional().describe('Mail on every transition; global_defs.smtp_alert unless given')
}

type RawNotify = { [Key in keyof typeof notifyFields]?: z.output<(typeof notifyFields)[Key]> }

/** The scripts of a transition; null is none. */
export const notifyOf = (raw: RawNotify) => ({
  master: raw.notify_master ?? null,
  backup: raw.notify_backup ?? null,
  fault: raw.notify_fault ?? null,
  stop: raw.notify_stop ?? null,
  any: raw.notify ?? null,
  /** null: as global_defs has it. */
  smtpAlert: raw.smtp_alert ?? null
})

const garp = {
  garp_master_repeat: integer(1, 100).default(5).describe('Gratuitous ARPs at once on becoming master'),
  garp_master_delay: duration('s', 0, 1_000_000).default(5000).describe('Second burst after this long; 0 is none'),
  garp_master_refresh: duration('s', 0, DAY_MS)
    .default(60_000)
    .describe('Announced again this often while master; 0 is never'),
  garp_master_refresh_repeat: integer(1, 100).default(1).describe('Gratuitous ARPs at each refresh'),
  garp_lower_prio_repeat: integer(0, 100)
    .optional()
    .describe('Gratuitous ARPs when an advert of lower priority is heard; garp_master_repeat unless given'),
  garp_lower_prio_delay: duration('s', 0, 1_000_000)
    .optional()
    .describe('Second burst after it; garp_master_delay unless given'),
  garp_interval: duration('s', 0, 10_000).default(0).describe('Pause between two gratuitous ARPs on an interface'),
  gna_interval: duration('s', 0, 10_000)
    .default(0)
    .describe('Pause between two unsolicited neighbour advertisements on an interface')
}

const addresses = list(virtualAddress, 'addresses, like [ 10.0.0.99 ]')

export const vrrpInstance = map(
  {
    name,
    interface: interfaceName,
    virtual_router_id: integer(1, 255).describe('VRID: the same on every node of this group, unique on the link'),
    version: z
      .union([z.literal(2), z.literal(3)], { error: () => 'must be 2 or 3' })
      .optional()
      .describe('VRRP version; 2 unless given, for IPv6 addresses 3'),
    priority: integer(1, 255, '255 is for the owner of the address').default(100).describe('The highest wins'),
    advert_int: duration('s', 10, 255_000).default(1000).describe('Time between adverts'),
    preempt: flag
      .default(true)
      .describe('A higher priority takes over from a living master; false is keepalived’s nopreempt'),
    preempt_delay: duration('s', 0, 1_000_000)
      .default(0)
      .describe('How long a higher priority leaves a living master alone before it takes over'),
    down_timer_adverts: integer(1, 100).default(3).describe('A master is down after this many intervals of silence'),
    startup_delay: duration('s', 0, 3_600_000)
      .optional()
      .describe('No takeover before this long after the start; global_defs.vrrp_startup_delay unless given'),
    link_stable: duration('s', 0, 600_000).default(0).describe('No takeover before the link has been up for this long'),
    listen_first: duration('s', 0, 600_000)
      .default(30_000)
      .describe('No takeover before anything was heard on a link that came up, for at most this long'),
    v3_checksum_as_v2: flag
      .default(false)
      .describe(
        'Version 3 over IPv4: send the checksum over the message alone (RFC 9568); else with a pseudo-header, as keepalived does. Both are accepted'
      ),
    authentication: authentication.optional(),
    auth_hmac: hmac.optional(),
    mcast_src_ip: address.optional().describe('Address that adverts come from; the interface’s first unless given'),
    mcast_dst_ip: address.optional().describe('Multicast group; 224.0.0.18 or ff02::12 unless given'),
    unicast_src_ip: address.optional().describe('Address that unicast adverts come from'),
    unicast_peer: z
      .array(peer, { error: () => NO_PEERS })
      .min(1, { error: () => NO_PEERS })
      .optional()
      .describe('Adverts go to these alone, and are taken from these alone'),
    unicast_ttl: ttl.default(255).describe('TTL or hop limit of unicast adverts'),
    check_unicast_src: flag
      .default(true)
      .describe('Adverts that are from no peer, or come with another TTL, are refused'),
    virtual_ipaddress: addresses.describe(
      'The addresses that the master holds and names in its adverts; /32 or /128 unless a length is given'
    ),
    virtual_ipaddress_excluded: addresses
      .optional()
      .describe('Further addresses, of either family, that the master holds and does not name'),
    arp_probe: flag
      .default(true)
      .describe('Ask the link who has an address, before it is claimed and while it is held'),
    ...garp,
    ...trackFields,
    ...notifyFields
  },
  'name, interface, virtual_router_id, virtual_ipaddress, …'
).transform((raw) => {
  const family = raw.virtual_ipaddress[0]?.family ?? 4
  return {
    name: raw.name,
    interface: raw.interface,
    virtualRouterId: raw.virtual_router_id,
    /** That of the adverts: of the first address. */
    family,
    version: raw.version ?? (family === 6 ? (3 as const) : (2 as const)),
    priority: raw.priority,
    advertIntMs: raw.advert_int,
    preempt: raw.preempt,
    preemptDelayMs: raw.preempt_delay,
    downTimerAdverts: raw.down_timer_adverts,
    /** null: as global_defs has it. */
    startupDelayMs: raw.startup_delay ?? null,
    linkStableMs: raw.link_stable,
    listenFirstMs: raw.listen_first,
    /** What the checksum that we send covers, in version 3 over IPv4. */
    checksum: raw.v3_checksum_as_v2 ? ('message' as const) : ('pseudo-header' as const),
    authentication: raw.authentication ?? null,
    authHmac: raw.auth_hmac ?? null,
    /** Where adverts come from; null: the interface's first address that is no VIP. */
    source: raw.unicast_src_ip ?? raw.mcast_src_ip ?? null,
    group: raw.mcast_dst_ip ?? GROUPS[family],
    /** null: multicast. */
    unicast:
      raw.unicast_peer === undefined
        ? null
        : { peers: raw.unicast_peer, ttl: raw.unicast_ttl, checkSource: raw.check_unicast_src },
    virtualIpaddress: raw.virtual_ipaddress,
    virtualIpaddressExcluded: raw.virtual_ipaddress_excluded ?? [],
    arpProbe: raw.arp_probe,
    garp: {
      repeat: raw.garp_master_repeat,
      delayMs: raw.garp_master_delay,
      refreshMs: raw.garp_master_refresh,
      refreshRepeat: raw.garp_master_refresh_repeat,
      lowerPrioRepeat: raw.garp_lower_prio_repeat ?? raw.garp_master_repeat,
      lowerPrioDelayMs: raw.garp_lower_prio_delay ?? raw.garp_master_delay,
      intervalMs: raw.garp_interval,
      gnaIntervalMs: raw.gna_interval
    },
    track: tracksOf(raw),
    notify: notifyOf(raw),
    /** Keys that stand in the file and count only together with another: for the rules. */
    given: {
      mcastSrcIp: raw.mcast_src_ip !== undefined,
      mcastDstIp: raw.mcast_dst_ip !== undefined,
      unicastSrcIp: raw.unicast_src_ip !== undefined
    }
  }
})

/** Instances that are MASTER, BACKUP or FAULT together. */
export const syncGroup = map(
  {
    name,
    group: list(name, 'names of instances').describe('The instances that move together'),
    ...trackFields,
    ...notifyFields
  },
  'name, group, …'
).transform((raw) => ({ name: raw.name, members: raw.group, track: tracksOf(raw), notify: notifyOf(raw) }))
