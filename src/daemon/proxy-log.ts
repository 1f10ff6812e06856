import type { History } from '../base/history.js'
import type { Log } from '../base/log.js'

/**
 * What the proxy's log tells that is a state change: kept for `vipd events`. Those that haproxy tells as alerts are
 * alerts for syslog, and so is what ends them: whoever hears that a server is DOWN hears that it is UP.
 */
const CHANGES: Readonly<Record<string, { readonly severity?: 'alert' }>> = {
  'server is UP': { severity: 'alert' },
  'server is DOWN': { severity: 'alert' },
  'server drains': {},
  'server is in maintenance': {},
  'server is checked first': {},
  'health check needs mending': {},
  'health check is in order again': {},
  'server has no session left': {},
  'servers are UP again: they get the connections': { severity: 'alert' },
  'no server but backups is UP: they get the connections': { severity: 'alert' },
  'no server is ready: those that are alive get the connections': { severity: 'alert' },
  'no server is available: clients are reset at once': { severity: 'alert' },
  listening: {},
  'cannot listen': { severity: 'alert' }
}

/** The log of the proxy, whose state changes are events too. */
export function proxyLog(
  log: Log,
  history: Pick<History, 'add'>,
  today: () => Date,
  facts: Readonly<Record<string, unknown>> = {}
): Log {
  const tell =
    (level: 'debug' | 'info' | 'warn' | 'error' | 'fatal') =>
    (more: object, message: string): void => {
      const change = Object.hasOwn(CHANGES, message) ? CHANGES[message] : undefined
      log[level]({ ...more, ...change }, message)
      if (change === undefined) return
      const { service, ...told }: Readonly<Record<string, unknown>> = { ...facts, ...more }
      const instance = typeof service === 'string' ? { instance: service } : {}
      const kept = level === 'fatal' ? 'error' : level
      history.add({ at: today().toISOString(), level: kept, scope: 'proxy', ...instance, event: message, facts: told })
    }
  return {
    debug: tell('debug'),
    info: tell('info'),
    warn: tell('warn'),
    error: tell('error'),
    fatal: tell('fatal'),
    child: (more) => proxyLog(log.child(more), history, today, { ...facts, ...more })
  }
}
