/** What the haproxy.cfg of most scenarios have in common. */

export interface Cfg {
  /** Lines of `global`. */
  readonly global?: string
  /** Lines of `defaults`, after the usual ones. */
  readonly defaults?: string
  /** Lines of `listen app`, before its servers. */
  readonly app?: string
  /** Words after each server's address; null: no such server. */
  readonly servers?: Readonly<Record<string, string>>
  /** Instead of the usual bind. */
  readonly bind?: string
  /** Whole sections after that. */
  readonly more?: string
}

const lines = (text = ''): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => `  ${line}\n`)
    .join('')

const ADDRESSES: Readonly<Record<string, string>> = {
  a: '10.77.0.21',
  b: '10.77.0.22',
  c: '10.77.0.23',
  d: '10.77.0.24'
}

/** Why vipd's server legs end otherwise than haproxy's where it is the proxy that ends the session. */
export const WHY_RESET =
  'What the proxy cuts is not a good end, and vipd says so to the server by RST: its program learns of it even where it only writes, and no local port is left in TIME-WAIT. haproxy does the same in some cases, by RST or FIN.'

/** A haproxy.cfg: one TCP service on 10.77.0.10:8443 that logs its sessions to 10.77.0.20. */
export function cfg({ global, defaults, app, servers = { a: '' }, bind = '10.77.0.10:8443', more = '' }: Cfg): string {
  const each = Object.entries(servers).map(([name, words]) =>
    `  server ${name} ${ADDRESSES[name]}:6443 ${words}`.trimEnd()
  )
  return `global
  log 10.77.0.20:514 local0
  maxconn 4000
${lines(global)}
defaults
  mode tcp
  log global
  option tcplog
  timeout connect 2s
  timeout client 30s
  timeout server 30s
${lines(defaults)}
listen app
  bind ${bind}
${lines(app)}${each.join('\n')}
${more}`
}
