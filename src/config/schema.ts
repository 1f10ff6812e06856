import * as z from 'zod'
import { duration, flag, hostPort, integer, list, map, name, percent, prefix, word } from './fields.js'
import { globalDefs } from './global-schema.js'
import { trackFile, trackProcess, trackScript } from './track-schema.js'
import { syncGroup, vrrpInstance } from './vrrp-schema.js'

/** The one schema: validation, defaults, types and the editors' JSON Schema all come from here. Keys are the incumbents' own words. */

const DAY_MS = 86_400_000
/** With a backlog of a few, clients beyond maxconn would not wait but repeat their SYN for seconds. */
const LEAST_BACKLOG = 128

const admin = map(
  {
    socket: z
      .string({ error: () => 'must be the path of a unix socket' })
      .regex(/^\/.{1,106}$/, { error: () => 'must be an absolute path of at most 107 characters' })
      .default('/run/vipd/vipd.sock')
      .describe('Unix socket of `vipd status` and the other commands; mode 0660'),
    listen: hostPort.optional().describe('Read-only HTTP: /status.json and /healthz. Absent: off')
  },
  'socket, listen'
)

const checkShape = {
  type: word('tcp').describe('tcp: SYN, SYN/ACK, RST; the server never sees a connection'),
  inter: duration('ms', 10, DAY_MS).describe('Time between checks'),
  rise: integer(1, 1000).describe('Consecutive successes that bring a server UP'),
  fall: integer(1, 1000).describe('Consecutive failures that take a server DOWN'),
  spread: percent.describe('Random part of inter, to spread checks (haproxy spread-checks)'),
  timeout: duration('ms', 1, DAY_MS).describe('A check fails after this long; inter unless given'),
  port: integer(1, 65_535).describe('Port to check, where it is not the server’s'),
  addr: prefix.describe('Address to check, where it is not the server’s')
}
const check = z.union([z.literal(false), map(checkShape, 'type, inter, rise, fall, …').partial()], {
  error: () => 'must be a map (type, inter, rise, fall, …), or false for a server that is always UP'
})
const weight = integer(0, 256, '0 takes no new connections')

const server = map(
  {
    name,
    address: hostPort,
    weight: weight.optional(),
    check: check.optional()
  },
  'name, address, weight, check'
)

const defaultServer = map({ weight: weight.optional(), check: check.optional() }, 'weight, check')

const timeout = map(
  {
    connect: duration('ms', 1, DAY_MS).default(5000).describe('For each attempt to reach a server'),
    client: duration('ms', 0, 365 * DAY_MS)
      .default(0)
      .describe('Idle time of the client side; 0 is none: dead clients are found by keepalive'),
    server: duration('ms', 0, 365 * DAY_MS)
      .default(0)
      .describe('Idle time of the server side; 0 is none'),
    check: duration('ms', 1, DAY_MS).optional().describe('Deadline of a health check; inter unless given')
  },
  'connect, client, server, check'
)

const tcpka = map(
  {
    idle: duration('ms', 1000, 32_767_000).default(30_000).describe('Silence before the first probe'),
    intvl: duration('ms', 1000, 32_767_000).default(10_000).describe('Time between probes'),
    cnt: integer(1, 127).default(3).describe('Unanswered probes that end the session')
  },
  'idle, intvl, cnt'
)

const service = map(
  {
    name,
    bind: list(hostPort, 'ADDRESS:PORT'),
    mode: word('tcp').default('tcp').describe('Bytes pass through as they are; TLS ends at the apiserver'),
    balance: word('roundrobin').default('roundrobin'),
    retries: integer(0, 100).default(3).describe('Further attempts to connect after the first'),
    redispatch: flag.default(true).describe('A retry goes to another server'),
    maxconn: integer(1, 1_000_000).default(20_000).describe('Sessions at once; more wait in the accept queue'),
    backlog: integer(1, 1_000_000)
      .optional()
      .describe('Listen backlog; maxconn unless given, cut by net.core.somaxconn'),
    timeout: timeout.prefault({}),
    tcp_ut: duration('ms', 0, DAY_MS)
      .default(60_000)
      .describe(
        'TCP_USER_TIMEOUT of both legs: unacknowledged data for this long ends the session; 0 is the kernel’s default'
      ),
    tcpka: tcpka.prefault({}).describe('TCP keepalive of both legs'),
    default_server: defaultServer.prefault({}),
    servers: list(server, 'servers, like { name: a, address: 10.0.0.1:6443 }')
  },
  'name, bind, servers, …'
).transform((raw) => ({
  name: raw.name,
  bind: raw.bind,
  balance: raw.balance,
  retries: raw.retries,
  redispatch: raw.redispatch,
  maxconn: raw.maxconn,
  backlog: raw.backlog ?? Math.max(LEAST_BACKLOG, raw.maxconn),
  timeout: { connectMs: raw.timeout.connect, clientMs: raw.timeout.client, serverMs: raw.timeout.server },
  userTimeoutMs: raw.tcp_ut,
  keepalive: { idleMs: raw.tcpka.idle, intervalMs: raw.tcpka.intvl, count: raw.tcpka.cnt },
  servers: raw.servers.map((one) => ({
    name: one.name,
    address: one.address,
    weight: one.weight ?? raw.default_server.weight ?? 1,
    check: resolveCheck(one.address, raw.default_server.check, one.check, raw.timeout.check)
  }))
}))

export const configSchema = map(
  {
    admin: admin.prefault({}),
    log: map({ level: word('debug', 'info', 'warn', 'error').default('info') }, 'level').prefault({}),
    nbthread: integer(1, 64).optional().describe('Worker threads of the proxy; one for each core unless given'),
    hard_stop_after: duration('ms', 0, DAY_MS)
      .default(5000)
      .describe('On stop, sessions that are not on a VIP may end by themselves for this long'),
    global_defs: globalDefs.prefault({}),
    vrrp_script: z.array(trackScript, { error: () => 'must be a list of scripts' }).default([]),
    vrrp_track_file: z.array(trackFile, { error: () => 'must be a list of files' }).default([]),
    vrrp_track_process: z.array(trackProcess, { error: () => 'must be a list of processes' }).default([]),
    vrrp_sync_group: z.array(syncGroup, { error: () => 'must be a list of sync groups' }).default([]),
    vrrp: z.array(vrrpInstance, { error: () => 'must be a list of VRRP instances' }).default([]),
    proxy: z.array(service, { error: () => 'must be a list of services' }).default([])
  },
  'admin, log, global_defs, vrrp, proxy'
).transform((raw) => ({
  admin: raw.admin,
  logLevel: raw.log.level,
  threads: raw.nbthread,
  hardStopAfterMs: raw.hard_stop_after,
  global: raw.global_defs,
  scripts: raw.vrrp_script,
  trackFiles: raw.vrrp_track_file,
  trackProcesses: raw.vrrp_track_process,
  groups: raw.vrrp_sync_group,
  vrrp: raw.vrrp,
  proxy: raw.proxy
}))

/** What the operator asked for, checked, with every default filled in. */
export type Config = z.output<typeof configSchema>
export type VrrpConfig = Config['vrrp'][number]
export type GroupConfig = Config['groups'][number]
export type ServiceConfig = Config['proxy'][number]
export type ServerConfig = ServiceConfig['servers'][number]
export type CheckConfig = Exclude<ServerConfig['check'], null>

type RawCheck = z.output<typeof check> | undefined

/** A server's check over default_server's; null is a server that is not checked. haproxy's defaults: inter 2s, rise 2, fall 3. */
function resolveCheck(address: { host: string; port: number }, base: RawCheck, own: RawCheck, timeoutMs?: number) {
  if (own === false || (own === undefined && base === false)) return null
  const set = { ...(base === false ? undefined : base), ...own }
  const interMs = set.inter ?? 2000
  return {
    type: set.type ?? 'tcp',
    interMs,
    rise: set.rise ?? 2,
    fall: set.fall ?? 3,
    spreadPercent: set.spread ?? 0,
    timeoutMs: set.timeout ?? Math.min(timeoutMs ?? interMs, interMs),
    host: set.addr?.address ?? address.host,
    port: set.port ?? address.port
  } as const
}
