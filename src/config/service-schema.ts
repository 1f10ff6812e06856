import * as z from 'zod'
import { bind } from './bind-schema.js'
import { address, duration, flag, integer, list, map, name, prefix, word } from './fields.js'
import { defaultServer, resolveServer, server } from './server-schema.js'

/** One service of the proxy: haproxy's words for frontend, backend and what is between. */

const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS
/** With a backlog of a few, clients beyond maxconn would not wait but repeat their SYN for seconds. */
const LEAST_BACKLOG = 128

const timeout = map(
  {
    connect: duration('ms', 1, DAY_MS).default(5000).describe('For each attempt to reach a server'),
    client: duration('ms', 0, YEAR_MS)
      .default(0)
      .describe('Idle time of the client side; 0 is none: dead clients are found by keepalive'),
    server: duration('ms', 0, YEAR_MS).default(0).describe('Idle time of the server side; 0 is none'),
    tunnel: duration('ms', 0, YEAR_MS)
      .default(0)
      .describe('Instead of both, once client and server are connected; 0 is none'),
    client_fin: duration('ms', 0, YEAR_MS)
      .default(0)
      .describe('Instead of client, once one side has sent its last byte; 0 is none'),
    server_fin: duration('ms', 0, YEAR_MS).default(0).describe('The same for server'),
    queue: duration('ms', 1, YEAR_MS)
      .optional()
      .describe('A client waits this long for a server that has reached its maxconn; connect unless given'),
    check: duration('ms', 1, DAY_MS).optional().describe('Deadline of a health check; inter unless given'),
    client_hs: duration('ms', 1, DAY_MS)
      .default(5000)
      .describe('A PROXY header or a TLS ClientHello that is waited for must be there by then')
  },
  'connect, client, server, tunnel, client_fin, server_fin, queue, check, client_hs'
)

const tcpka = map(
  {
    idle: duration('ms', 1000, 32_767_000).default(30_000).describe('Silence before the first probe'),
    intvl: duration('ms', 1000, 32_767_000).default(10_000).describe('Time between probes'),
    cnt: integer(1, 127).default(3).describe('Unanswered probes that end the session')
  },
  'idle, intvl, cnt'
)

export const BALANCES = ['roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'random'] as const
const BALANCE = 'must be one of roundrobin, static-rr, leastconn, first, source, random, random(2)'

/** `random(2)`: two draws, the less loaded of both. */
const balance = z.string({ error: () => BALANCE }).transform((value, context) => {
  const match = /^([a-z-]+)(?:\(([1-9]\d?)\))?$/.exec(value)
  const algorithm = BALANCES.find((one) => one === match?.[1])
  if (algorithm !== undefined && (match?.[2] === undefined || algorithm === 'random'))
    return { algorithm, draws: Number(match?.[2] ?? 2) }
  context.addIssue({ code: 'custom', message: BALANCE })
  return z.NEVER
})

const servername = z
  .string({ error: () => 'must be a host name, like api.example.com or *.example.com' })
  .regex(/^(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, {
    error: () => 'must be a host name, like api.example.com or *.example.com'
  })
  .transform((value) => value.toLowerCase())

const sni = map(
  {
    servername: list(servername, 'host names').describe('Names that a client asks for in its TLS ClientHello'),
    service: name.describe('Whose servers it gets: the name of another service')
  },
  'servername, service'
)

const rebalance = map(
  {
    max_skew: z
      .number({ error: () => 'must be a number from 1.1 to 10' })
      .min(1.1, { error: () => 'must be a number from 1.1 to 10' })
      .max(10, { error: () => 'must be a number from 1.1 to 10' })
      .default(1.5)
      .describe('Only while a server has more than this times its share of the sessions'),
    per_minute: integer(1, 6000).default(6).describe('Sessions that are closed in a minute at most'),
    quiet: duration('ms', 100, DAY_MS)
      .default(2000)
      .describe('Only sessions without a byte for this long, oldest first')
  },
  'max_skew, per_minute, quiet'
)

const prefixes = (what: string) =>
  z.array(prefix, { error: () => 'must be a list of networks, like [ 10.0.0.0/8, 192.168.1.7 ]' }).describe(what)

export const service = map(
  {
    name,
    bind: z
      .array(bind, { error: () => 'must be a list of ADDRESS:PORT, unix@/PATH or fd@NUMBER' })
      .default([])
      .describe(
        'Where it listens: ADDRESS:PORT, [::]:PORT, unix@/PATH, fd@NUMBER. None: for services that name it in `sni`'
      ),
    mode: word('tcp').default('tcp').describe('Bytes pass through as they are; TLS ends at the apiserver'),
    balance: balance
      .prefault('roundrobin')
      .describe('roundrobin, static-rr, leastconn, first, source, random, random(2)'),
    hash_type: word('map-based', 'consistent')
      .default('map-based')
      .describe('source: consistent moves the fewest clients when a server comes or goes'),
    balance_factor: integer(0, 65_535)
      .refine((percent) => percent === 0 || percent >= 100, {
        error: () => 'must be 0, or a percentage from 100 to 65535'
      })
      .default(125)
      .describe(
        'roundrobin: a server that has more than this percentage of its share of the sessions, and 4 sessions more, is passed over; 0: strictly in turn'
      ),
    rebalance: rebalance
      .optional()
      .describe('Closes sessions of an overloaded server little by little, so that clients connect again. Absent: off'),
    retries: integer(0, 100).default(3).describe('Further attempts to connect after the first'),
    redispatch: flag.default(true).describe('A retry goes to another server'),
    allbackups: flag.default(false).describe('All backups share the connections, not the first alone'),
    abortonclose: flag
      .default(false)
      .describe(
        'A client that has sent its last byte before it has a server is given up, also if it has asked something'
      ),
    maxconn: integer(1, 1_000_000).default(20_000).describe('Sessions at once; more wait in the accept queue'),
    rate_limit: integer(0, 1_000_000)
      .default(0)
      .describe('New sessions in a second; more wait in the accept queue. 0: no limit'),
    source_maxconn: integer(0, 1_000_000)
      .default(0)
      .describe('Sessions at once from one address; more are reset. 0: no limit'),
    allow: prefixes('Clients from these networks alone; all others are reset').default([]),
    deny: prefixes('Clients from these networks are reset; before `allow`').default([]),
    sni: z
      .array(sni, { error: () => 'must be a list of { servername: [ … ], service: … }' })
      .default([])
      .describe(
        'Other servers for some names in the TLS ClientHello; all other clients get the servers of this service'
      ),
    source: address.optional().describe('Address that connections to servers come from'),
    transparent: flag
      .default(false)
      .describe(
        'Connections to servers come from the client’s address (TPROXY); needs routing, see docs/operations.md'
      ),
    backlog: integer(1, 1_000_000)
      .optional()
      .describe('Listen backlog; maxconn unless given, cut by net.core.somaxconn'),
    timeout: timeout.prefault({}),
    tcp_ut: duration('ms', 0, DAY_MS)
      .optional()
      .describe(
        'TCP_USER_TIMEOUT of both legs: unacknowledged data for this long ends the session; idle + intvl × cnt of tcpka unless given; 0 is the kernel’s default'
      ),
    tcpka: tcpka.prefault({}).describe('TCP keepalive of both legs'),
    session_log: word('off', 'errors', 'sampled', 'all')
      .default('off')
      .describe('A record for each session at its end: those that did not end well, one in `log_sample`, all'),
    log_sample: integer(1, 1_000_000).default(100).describe('session_log sampled: one in so many'),
    log_format: word('fields', 'tcplog')
      .default('fields')
      .describe('How syslog gets it: fields, or haproxy’s own line'),
    default_server: defaultServer.prefault({}),
    servers: list(server, 'servers, like { name: a, address: 10.0.0.1:6443 }')
  },
  'name, bind, servers, …'
).transform((raw) => ({
  name: raw.name,
  bind: raw.bind,
  balance: raw.balance,
  hashType: raw.hash_type,
  balanceFactor: raw.balance_factor,
  rebalance:
    raw.rebalance === undefined
      ? null
      : { maxSkew: raw.rebalance.max_skew, perMinute: raw.rebalance.per_minute, quietMs: raw.rebalance.quiet },
  retries: raw.retries,
  redispatch: raw.redispatch,
  allbackups: raw.allbackups,
  abortsOnClose: raw.abortonclose,
  maxconn: raw.maxconn,
  rateLimit: raw.rate_limit,
  sourceMaxconn: raw.source_maxconn,
  allow: raw.allow,
  deny: raw.deny,
  sni: raw.sni,
  isTransparent: raw.transparent,
  backlog: raw.backlog ?? Math.max(LEAST_BACKLOG, raw.maxconn),
  timeout: {
    connectMs: raw.timeout.connect,
    clientMs: raw.timeout.client,
    serverMs: raw.timeout.server,
    tunnelMs: raw.timeout.tunnel,
    clientFinMs: raw.timeout.client_fin,
    serverFinMs: raw.timeout.server_fin,
    queueMs: raw.timeout.queue ?? raw.timeout.connect,
    clientHsMs: raw.timeout.client_hs
  },
  // The kernel lets TCP_USER_TIMEOUT, where it is set, decide in place of tcpka.cnt: both must say the same.
  userTimeoutMs: raw.tcp_ut ?? raw.tcpka.idle + raw.tcpka.intvl * raw.tcpka.cnt,
  keepalive: { idleMs: raw.tcpka.idle, intervalMs: raw.tcpka.intvl, count: raw.tcpka.cnt },
  sessionLog: raw.session_log,
  logSample: raw.log_sample,
  logFormat: raw.log_format,
  servers: raw.servers.map((one) => resolveServer(one, raw.default_server, raw.timeout.check, raw.source))
}))
