import type { Status } from '../../src/admin/status.js'
import type { PeersStatus } from '../../src/peers/peers.js'
import type { ServerSnapshot } from '../../src/proxy/snapshot.js'
import { newCounters } from '../../src/vrrp/counters.js'

export const NOW = Date.UTC(2026, 0, 2)
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString()

const server = (name: string, address: string, overrides: Partial<ServerSnapshot> = {}): ServerSnapshot => ({
  name,
  address,
  status: 'UP',
  reason: null,
  since: ago(93_784),
  serving: true,
  backup: false,
  admin: 'ready',
  weight: 1,
  effective_weight: 1,
  slowstart_percent: null,
  maxconn: null,
  check: { type: 'tcp', result: 'L4OK', detail: '', latency_ms: 0.412, at: ago(2), streak: 0, rise: 2, fall: 5 },
  agent: null,
  drain: null,
  sessions: { current: 412, total: 1_204_551 },
  bytes_in: 123_456_789,
  bytes_out: 98_765_432_100,
  retries: 0,
  redispatches: 0,
  connect_errors: 0,
  failures_in_row: 0,
  killed: 0,
  ...overrides
})

/** The seed's master after a day, one apiserver being down. */
export const status = (): Status => ({
  schema: 1,
  version: '0.1.0',
  node: 'master01',
  pid: 1234,
  uptime_s: 93_790,
  config: { path: '/etc/vipd/vipd.yaml', loaded_at: ago(93_790), problems: [] },
  vrrp: [
    {
      name: 'VI_1',
      interface: 'bond0',
      virtual_router_id: 88,
      version: 2,
      family: 'ipv4',
      state: 'MASTER',
      since: ago(93_786),
      reason: 'master down',
      fault: [],
      priority: 100,
      effective_priority: 100,
      advert_int_ms: 1000,
      down_timer_adverts: 3,
      preempt: true,
      preempt_delay_ms: 0,
      source: '10.32.137.20',
      unicast_peer: null,
      group: '224.0.0.18',
      checksum: 'message',
      authentication: 'PASS',
      sync_group: null,
      tier: 'serving',
      tracked: [],
      conditions: [],
      sender: 'thread',
      sender_worst_lateness_ms: 0.4,
      master: { address: '10.32.137.20', priority: 100 },
      virtual_ipaddress: [{ address: '10.32.255.99/32', held: true }],
      lease_s: 2,
      lease_overlap_ms: 500,
      socket: 'raw-socket',
      counters: newCounters()
    }
  ],
  vrrp_sync_group: [],
  peers: null,
  notify: {},
  proxy: [
    {
      name: 'https-apiserver',
      bind: ['10.32.255.99:8443'],
      balance: 'roundrobin',
      algorithm: 'roundrobin',
      listening: true,
      fault: null,
      serving: 'active',
      fail_open: false,
      maxconn: 20_000,
      maxconn_effective: 20_000,
      sessions: { current: 824, max: 1500, total: 2_409_102 },
      bytes_in: 1,
      bytes_out: 1,
      queued: 0,
      refused: 0,
      denied: 0,
      source_limited: 0,
      malformed: 0,
      accept_pauses: 0,
      timeouts: { connect: 0, client: 0, server: 0, queue: 0, handshake: 0 },
      aborts: { client: 0, server: 0 },
      rebalance: null,
      leaving: [],
      servers: [
        server('apiserver01', '10.32.137.20:6443'),
        server('apiserver02', '10.32.137.27:6443', {
          check: {
            type: 'tcp',
            result: 'L4TOUT',
            detail: '',
            latency_ms: 5000,
            at: ago(1),
            streak: 2,
            rise: 2,
            fall: 5
          }
        }),
        server('apiserver03', '10.32.138.27:6443', {
          status: 'DOWN',
          reason: 'found dead: L4CON ECONNREFUSED',
          serving: false,
          since: ago(61),
          check: {
            type: 'tcp',
            result: 'L4CON',
            detail: 'ECONNREFUSED',
            latency_ms: 0.2,
            at: ago(3),
            streak: 1,
            rise: 2,
            fall: 5
          },
          sessions: { current: 0, total: 0 },
          bytes_in: 0,
          bytes_out: 0
        })
      ]
    }
  ],
  log: { sessions: 0, sessions_dropped: 0, lines_dropped: 0, syslog: [] },
  process: {
    event_loop_delay_p99_ms: 1,
    event_loop_delay_max_ms: 2,
    rss_bytes: 3,
    open_fds: 4,
    worker_threads: 2,
    data_plane_alive: true,
    bytes_spliced: 0,
    events_dropped: 0,
    netlink_overruns: 0,
    advert_sender_real_time: true
  }
})

/** Two other nodes: one that is well, one that has lost power. */
export const peers = (): PeersStatus => ({
  listen: '10.32.137.20:8405',
  error: null,
  refused: { stranger: 2, key: 0, silent: 0, protocol: 0, malformed: 0, truncated: 0 },
  tickled: 4,
  nodes: [
    {
      address: '10.32.137.27:8405',
      view: {
        node: 'master02',
        version: '0.1.0',
        uptime_s: 93_000,
        vrrp: [
          {
            name: 'VI_1',
            virtual_router_id: 88,
            state: 'BACKUP',
            since: ago(93_000),
            effective_priority: 88,
            virtual_ipaddress: []
          }
        ],
        proxy: [
          {
            name: 'https-apiserver',
            sessions: 0,
            servers: [
              { name: 'apiserver01', status: 'UP' },
              { name: 'apiserver02', status: 'UP' },
              { name: 'apiserver03', status: 'DOWN' }
            ]
          }
        ]
      },
      heard_at: ago(1),
      is_heard: true,
      error: null,
      clients: 0
    },
    {
      address: '10.32.138.27:8405',
      view: null,
      heard_at: null,
      is_heard: false,
      error: 'connect EHOSTUNREACH 10.32.138.27:8405',
      clients: 12
    }
  ]
})
