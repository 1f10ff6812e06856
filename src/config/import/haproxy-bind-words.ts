import { type Leftover, leftovers } from './keepalived-words.js'

/** taken: it is carried over. impossible: vipd cannot be such a listener. Else: why it is left out. */
export type BindWord = 'taken' | 'impossible' | Leftover

const words = (word: 'taken' | 'impossible', names: string): (readonly [string, BindWord])[] =>
  names.split(', ').map((one) => [one, word] as const)

const ENGINE = 'not needed in vipd: left out'
const OWNER = 'a unix socket belongs to the user of vipd.service: let its group have it by `mode`'

/** Options of `bind` that stand alone. */
export const BIND_FLAGS: ReadonlyMap<string, BindWord> = new Map<string, BindWord>([
  ...words('taken', 'accept-proxy, v4v6, v6only'),
  // TLS, or a header that would reach the server as if the client had sent it.
  ...words('impossible', 'ssl'),
  // The kernel lets vipd bind an address that is not there (IP_FREEBIND), always.
  ...words('taken', 'transparent'),
  ...leftovers(
    'warning',
    'a server sees a connection when it is made, not with its first byte: left out',
    'defer-accept'
  ),
  ...leftovers('warning', ENGINE, 'tfo, tcp-ss, prefer-client-ciphers, strict-sni')
])

/** Options of `bind` with a value. */
export const BIND_VALUES: ReadonlyMap<string, BindWord> = new Map<string, BindWord>([
  ...words('taken', 'interface, maxconn, tcp-ut, mode, backlog'),
  ...words('impossible', 'accept-netscaler-cip, namespace'),
  ...leftovers('changed', OWNER, 'user, group, uid, gid'),
  ...leftovers('changed', 'connections of other TCP stacks are not carried over: left out', 'tcp-md5sig, mptcp'),
  ...leftovers('warning', ENGINE, 'name, id, guid, process, thread, nice, shards, mss, cc, level, proto, expose-fd'),
  ...leftovers('warning', ENGINE, 'severity-output, idle-ping, label')
])
