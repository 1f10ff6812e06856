import * as z from 'zod'
import { duration, hostPort, integer, map, word } from './fields.js'
import { globalDefs } from './global-schema.js'
import { peers } from './peers-schema.js'
import { service } from './service-schema.js'
import { syslog } from './syslog-schema.js'
import { trackFile, trackProcess, trackScript } from './track-schema.js'
import { syncGroup, vrrpInstance } from './vrrp-schema.js'

/** The one schema: validation, defaults, types and the editors' JSON Schema all come from here. Keys are the incumbents' own words. */

const DAY_MS = 86_400_000

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

export const configSchema = map(
  {
    admin: admin.prefault({}),
    log: map(
      {
        level: word('debug', 'info', 'warn', 'error').default('info'),
        syslog: z
          .array(syslog, {
            error: () => 'must be a list of { address: 127.0.0.1:514, facility: local0, level: warning }'
          })
          .default([])
          .describe('Where the log goes besides stdout')
      },
      'level, syslog'
    ).prefault({}),
    maxconn: integer(1, 1_000_000)
      .optional()
      .describe('Sessions at once over all services; what their own maxconn adds up to unless given'),
    nbthread: integer(1, 64).optional().describe('Worker threads of the proxy; one for each core unless given'),
    hard_stop_after: duration('ms', 0, DAY_MS)
      .default(5000)
      .describe('On stop, sessions that are not on a VIP may end by themselves for this long'),
    peers: peers.optional().describe('The other nodes, and the authenticated channel to them. Absent: none'),
    global_defs: globalDefs.prefault({}),
    vrrp_script: z.array(trackScript, { error: () => 'must be a list of scripts' }).default([]),
    vrrp_track_file: z.array(trackFile, { error: () => 'must be a list of files' }).default([]),
    vrrp_track_process: z.array(trackProcess, { error: () => 'must be a list of processes' }).default([]),
    vrrp_sync_group: z.array(syncGroup, { error: () => 'must be a list of sync groups' }).default([]),
    vrrp: z.array(vrrpInstance, { error: () => 'must be a list of VRRP instances' }).default([]),
    proxy: z.array(service, { error: () => 'must be a list of services' }).default([])
  },
  'admin, log, peers, global_defs, vrrp, proxy'
).transform((raw) => ({
  admin: raw.admin,
  logLevel: raw.log.level,
  syslog: raw.log.syslog,
  /** undefined: what the services' add up to. */
  maxconn: raw.maxconn,
  threads: raw.nbthread,
  hardStopAfterMs: raw.hard_stop_after,
  /** null: no channel. */
  peers: raw.peers ?? null,
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
export type { AgentConfig, CheckConfig, HttpCheck } from './check-schema.js'
export type { PeersConfig } from './peers-schema.js'
export type { SyslogConfig } from './syslog-schema.js'
