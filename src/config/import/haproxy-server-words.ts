import { type Leftover, leftovers } from './keepalived-words.js'

/** What a word of a `server` or `default-server` line is. */
export interface ServerWord {
  /** Takes the next word as its value. */
  readonly hasValue: boolean
  /** Why it is not carried over; undefined when it is. */
  readonly leftover: Leftover | undefined
}

const TLS = 'belongs to TLS between haproxy and the server: vipd passes bytes as they are'
const LATER = 'not carried over yet (later work)'

const carried = (hasValue: boolean, words: string): (readonly [string, ServerWord])[] =>
  words.split(', ').map((word) => [word, { hasValue, leftover: undefined }] as const)

const left = (
  hasValue: boolean,
  entries: readonly (readonly [string, Leftover])[]
): (readonly [string, ServerWord])[] => entries.map(([word, leftover]) => [word, { hasValue, leftover }] as const)

/** Every word that a server line may have. */
export const SERVER_WORDS: ReadonlyMap<string, ServerWord> = new Map([
  ...carried(true, 'inter, rise, fall, weight, port, addr, on-marked-down, tcp-ut'),
  ...carried(
    false,
    'check, no-check, backup, disabled, ssl, no-backup, no-ssl, no-check-ssl, enabled, no-send-proxy, no-send-proxy-v2'
  ),
  ...left(true, leftovers('changed', 'every check comes after `inter` (later work)', 'fastinter, downinter')),
  ...left(
    true,
    leftovers('changed', 'a server has no limit of its own yet (later work)', 'maxconn, minconn, maxqueue')
  ),
  ...left(
    true,
    leftovers('changed', 'a server that comes back takes its full share at once (later work)', 'slowstart')
  ),
  ...left(
    true,
    leftovers('changed', 'live connections do not count as checks yet (later work)', 'observe, error-limit, on-error')
  ),
  ...left(
    true,
    leftovers('changed', 'the agent is not asked (later work)', 'agent-addr, agent-port, agent-inter, agent-send')
  ),
  ...left(
    true,
    leftovers(
      'changed',
      LATER,
      'source, interface, track, on-marked-up, namespace, socks4, redir, set-proxy-v2-tlv-fmt',
      'healthcheck'
    )
  ),
  ...left(true, leftovers('changed', 'vipd does not resolve names: write the address', 'resolvers')),
  ...left(true, leftovers('warning', 'servers start DOWN until their first check has passed', 'init-state')),
  ...left(
    true,
    leftovers('warning', 'servers have fixed addresses in vipd', 'init-addr, resolve-prefer, resolve-net, resolve-opts')
  ),
  ...left(
    true,
    leftovers(
      'warning',
      TLS,
      'verify, ca-file, crl-file, crt, sni, alpn, npn, ciphers, ciphersuites, ssl-min-ver, ssl-max-ver',
      'verifyhost, check-sni, check-alpn'
    )
  ),
  ...left(
    true,
    leftovers(
      'warning',
      'has a meaning in HTTP mode only',
      'cookie, proto, check-proto, pool-max-conn, pool-purge-delay, pool-low-conn, max-reuse, ws'
    )
  ),
  ...left(
    true,
    leftovers('warning', 'only a name or a label', 'id, guid, shard, hash-key, log-proto, cc, log-bufsize')
  ),
  ...left(false, leftovers('changed', 'agents are not asked (later work)', 'agent-check')),
  ...left(
    false,
    leftovers(
      'changed',
      'checks over TLS are later work: the check is TCP, it proves that the port answers, not that the server is ready',
      'check-ssl'
    )
  ),
  ...left(
    false,
    leftovers(
      'changed',
      'vipd sends no PROXY header (later work): a server that waits for one will not answer',
      'send-proxy, send-proxy-v2, send-proxy-v2-ssl, send-proxy-v2-ssl-cn, check-send-proxy'
    )
  ),
  ...left(
    false,
    leftovers(
      'warning',
      TLS,
      'no-sslv3, no-tlsv10, no-tlsv11, no-tlsv12, no-tls-tickets, force-tlsv12, allow-0rtt',
      'no-verifyhost, ssl-reuse'
    )
  ),
  ...left(
    false,
    leftovers('warning', 'not needed in vipd', 'tfo, non-stick, check-via-socks4, check-reuse-pool, strict-maxconn')
  )
])
