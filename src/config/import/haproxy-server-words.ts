import { type Leftover, leftovers } from './keepalived-words.js'

/** What a word of a `server` or `default-server` line is. */
export interface ServerWord {
  /** Takes the next word as its value. */
  readonly hasValue: boolean
  /** Why it is not carried over; undefined when it is. */
  readonly leftover: Leftover | undefined
}

const TLS = 'belongs to TLS between haproxy and the server: vipd passes bytes as they are'
const LIMITS = '`maxconn` of a server is fixed in vipd, and its queue has no limit but `timeout queue`'

const carried = (hasValue: boolean, words: string): (readonly [string, ServerWord])[] =>
  words.split(', ').map((word) => [word, { hasValue, leftover: undefined }] as const)

const left = (
  hasValue: boolean,
  entries: readonly (readonly [string, Leftover])[]
): (readonly [string, ServerWord])[] => entries.map(([word, leftover]) => [word, { hasValue, leftover }] as const)

/** Every word that a server line may have. */
export const SERVER_WORDS: ReadonlyMap<string, ServerWord> = new Map([
  ...carried(true, 'inter, fastinter, downinter, rise, fall, weight, port, addr, on-marked-down, tcp-ut, maxconn'),
  ...carried(true, 'slowstart, observe, error-limit, on-error, on-marked-up, source, verify, ca-file, crt'),
  ...carried(true, 'check-sni, verifyhost, agent-addr, agent-port, agent-inter, agent-send'),
  ...carried(false, 'check, no-check, backup, no-backup, disabled, enabled, ssl, no-ssl, check-ssl, no-check-ssl'),
  ...carried(false, 'send-proxy, no-send-proxy, send-proxy-v2, no-send-proxy-v2, send-proxy-v2-ssl'),
  ...carried(false, 'send-proxy-v2-ssl-cn, check-send-proxy, no-check-send-proxy, agent-check, no-agent-check'),
  ...left(true, leftovers('changed', LIMITS, 'minconn, maxqueue')),
  ...left(true, leftovers('changed', 'each server has a check of its own: its state is not another one’s', 'track')),
  ...left(
    true,
    leftovers(
      'changed',
      'vipd has no such way to reach a server: left out',
      'interface, namespace, socks4, redir, set-proxy-v2-tlv-fmt, proxy-v2-options, healthcheck'
    )
  ),
  ...left(true, leftovers('changed', 'vipd does not resolve names: write the address', 'resolvers')),
  ...left(true, leftovers('warning', 'servers start DOWN until their first check has passed', 'init-state')),
  ...left(
    true,
    leftovers('warning', 'servers have fixed addresses in vipd', 'init-addr, resolve-prefer, resolve-net, resolve-opts')
  ),
  ...left(true, leftovers('warning', 'vipd’s checks speak HTTP/1.1', 'check-alpn, check-proto')),
  ...left(
    true,
    leftovers('warning', TLS, 'crl-file, sni, alpn, npn, ciphers, ciphersuites, ssl-min-ver, ssl-max-ver, curves')
  ),
  ...left(
    true,
    leftovers(
      'warning',
      'has a meaning in HTTP mode only',
      'cookie, proto, pool-max-conn, pool-purge-delay, pool-low-conn, max-reuse, ws'
    )
  ),
  ...left(
    true,
    leftovers('warning', 'only a name or a label', 'id, guid, shard, hash-key, log-proto, cc, log-bufsize')
  ),
  ...left(
    false,
    leftovers('warning', TLS, 'no-sslv3, no-tlsv10, no-tlsv11, no-tlsv12, no-tls-tickets, force-tlsv12, allow-0rtt')
  ),
  ...left(false, leftovers('warning', TLS, 'no-verifyhost, ssl-reuse, no-ssl-reuse, no-tlsv13, force-tlsv13')),
  ...left(
    false,
    leftovers('warning', 'not needed in vipd', 'tfo, non-stick, check-via-socks4, check-reuse-pool, strict-maxconn')
  )
])
