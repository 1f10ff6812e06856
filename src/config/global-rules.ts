import { errorAt, type Path, type Problem, warningAt } from './problem.js'
import type { Config } from './schema.js'

/** Mail that is asked for must have somebody to go to, and a server to go through: keepalived has no default for it. */
export function globalProblems(config: Config): Problem[] {
  const { to, server, alert } = config.global.mail
  const asked: Path[] = [
    ...(alert ? [['global_defs', 'smtp_alert']] : []),
    ...alerts('vrrp_sync_group', config.groups),
    ...alerts('vrrp', config.vrrp)
  ]
  const missing = [
    ...(to.length === 0 ? ['`notification_email: [ ops@example.com ]`'] : []),
    ...(server === null ? ['`smtp_server: 127.0.0.1`'] : [])
  ]
  if (missing.length === 0) return []
  if (asked.length > 0) {
    return asked.map((path) =>
      errorAt(
        path,
        `no mail can be sent without ${missing.join(' and ')} in \`global_defs\`: add ${missing.length === 1 ? 'it' : 'them'}, or use \`smtp_alert: false\``
      )
    )
  }
  return to.length === 0
    ? []
    : [
        warningAt(
          ['global_defs', 'notification_email'],
          'no mail is sent without a server: add `smtp_server: 127.0.0.1`, or remove `notification_email`'
        )
      ]
}

const alerts = (key: string, items: readonly { readonly notify: { readonly smtpAlert: boolean | null } }[]): Path[] =>
  items.flatMap((one, i) => (one.notify.smtpAlert === true ? [[key, i, 'smtp_alert']] : []))
