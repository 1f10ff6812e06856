import { formatHostPort, type HostPort } from './ip.js'

/** Where a service listens: an address and port, a unix socket, or a socket that was inherited. */

/** How connections that come in there are treated. */
export interface BindOptions {
  /** They begin with a PROXY header, v1 or v2; those that do not are closed. */
  readonly acceptProxy: boolean
  /** Sessions at once that came in here; null: as many as the service may have. */
  readonly maxconn: number | null
}

export interface TcpBind extends BindOptions, HostPort {
  readonly kind: 'tcp'
  /** `::` takes IPv4 too. */
  readonly v4v6: boolean
  /** Only what comes in by this interface; null: any. */
  readonly interface: string | null
}

export interface UnixBind extends BindOptions {
  readonly kind: 'unix'
  readonly path: string
  /** Permissions of the socket's file; null: as the umask has it. */
  readonly mode: number | null
}

export interface InheritedBind extends BindOptions {
  readonly kind: 'fd'
  /** Number of the descriptor, or its name in LISTEN_FDNAMES (systemd's FileDescriptorName=). */
  readonly fd: number | string
}

export type Bind = TcpBind | UnixBind | InheritedBind

/** How people write it: what tells two apart. */
export function formatBind(bind: Bind): string {
  switch (bind.kind) {
    case 'tcp':
      return formatHostPort(bind)
    case 'unix':
      return `unix@${bind.path}`
    case 'fd':
      return `fd@${bind.fd}`
  }
}

/** Every address of its family. */
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

/** Whether it takes connections to one of these addresses: it listens there, or on every address of that family. */
export const listensOn = (bind: Bind, addresses: ReadonlySet<string>): boolean =>
  bind.kind === 'tcp' && (isWildcard(bind.host) || addresses.has(bind.host))

/** Whether no two sockets can have both: the same place, or one port and a wildcard. */
export function clashes(one: Bind, other: Bind): boolean {
  if (one.kind !== 'tcp' || other.kind !== 'tcp') return formatBind(one) === formatBind(other)
  if (one.port !== other.port || (one.interface ?? other.interface) !== (other.interface ?? one.interface)) return false
  if (one.v4v6 || other.v4v6) return true
  const isSame = one.host === other.host || isWildcard(one.host) || isWildcard(other.host)
  return one.family === other.family && isSame
}
