import type * as z from 'zod'
import { agentCheck, check, resolveAgent, resolveCheck } from './check-schema.js'
import { address, duration, flag, hostPort, integer, map, name, word } from './fields.js'

/** The servers of a service. Words of haproxy's `server` and `default-server`. */

const DAY_MS = 86_400_000

const options = {
  weight: integer(0, 256, '0 takes no new connections').optional().describe('Share of the connections; 1 unless given'),
  check: check.optional(),
  agent_check: agentCheck.optional(),
  maxconn: integer(0, 1_000_000)
    .optional()
    .describe('Sessions at once on this server; more wait in a queue. 0: no limit'),
  slowstart: duration('ms', 0, DAY_MS)
    .optional()
    .describe('A server that came UP gets its full share only after this long; 0 is at once'),
  observe: word('layer4', 'none')
    .optional()
    .describe('layer4: a live connection that fails brings the next check forward; the default for checked servers'),
  error_limit: integer(1, 1_000_000)
    .optional()
    .describe('Failed live connections in a row until `on_error`; 10 unless given'),
  on_error: word('fastinter', 'fail-check', 'sudden-death', 'mark-down')
    .optional()
    .describe('What `error_limit` comes to; fail-check unless given'),
  on_marked_down: word('shutdown-sessions', 'none')
    .optional()
    .describe('Sessions to a server that went DOWN are closed at once, unless `none`'),
  on_marked_up: word('shutdown-backup-sessions', 'none')
    .optional()
    .describe('Sessions to backups are closed when this server comes UP'),
  send_proxy: word('v1', 'v2')
    .optional()
    .describe('Connections to it begin with a PROXY header. An apiserver wants none'),
  source: address.optional().describe('Address that connections to it come from')
}

const own = {
  backup: flag.optional().describe('Gets connections only when no other server can'),
  disabled: flag.optional().describe('Starts in maintenance: `vipd server SERVICE/SERVER ready` brings it in')
}

const WORDS = 'weight, check, maxconn, slowstart, …'

export const server = map({ name, address: hostPort, ...options, ...own }, `name, address, ${WORDS}`)
export const defaultServer = map({ ...options, ...own }, WORDS)

type RawServer = z.output<typeof server>
type RawDefault = z.output<typeof defaultServer>

/** A server's own words over those of default_server. */
export function resolveServer(
  one: RawServer,
  base: RawDefault,
  timeoutCheckMs: number | undefined,
  source: string | undefined
) {
  const set = { ...base, ...one }
  const resolved = resolveCheck(one.address, base.check, one.check, timeoutCheckMs)
  return {
    name: one.name,
    address: one.address,
    weight: set.weight ?? 1,
    check: resolved,
    agent: resolveAgent(one.address, set.agent_check, resolved?.interMs ?? 2000),
    /** 0: no limit. */
    maxconn: set.maxconn ?? 0,
    slowstartMs: set.slowstart ?? 0,
    observe: resolved !== null && (set.observe ?? 'layer4') === 'layer4',
    errorLimit: set.error_limit ?? 10,
    onError: set.on_error ?? 'fail-check',
    closesWhenDown: (set.on_marked_down ?? 'shutdown-sessions') === 'shutdown-sessions',
    closesBackupsWhenUp: set.on_marked_up === 'shutdown-backup-sessions',
    sendProxy: set.send_proxy ?? null,
    /** Address that connections to it come from; null: the kernel chooses. */
    source: set.source ?? source ?? null,
    isBackup: set.backup ?? false,
    isDisabled: set.disabled ?? false
  }
}
