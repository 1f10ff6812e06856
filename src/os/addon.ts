import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { messageOf, VipdError } from '../base/errors.js'

/**
 * The native addon: its whole interface, and the only place that loads it.
 * Everything that crosses is a number, a string, a Buffer or a plain object. Failed system calls throw an
 * Error whose `code` is the errno name ('EADDRINUSE') and whose `syscall` is the call that failed.
 */
export interface Addon {
  /** Sends one whole Ethernet frame on an interface (AF_PACKET). Needs CAP_NET_RAW. */
  sendFrame(interfaceIndex: number, frame: Buffer): void
  /** Sends one datagram to a unix socket; a path that begins with '@' is in the abstract namespace. Never blocks. */
  unixDgramSend(path: string, payload: Buffer): void
  /** Marks every descriptor above 2 close-on-exec (raw-socket opens its own without). */
  closeOnExec(): void
  /**
   * Makes room for `wanted` open descriptors: raises the soft limit, and the hard one where the process may.
   * @returns the soft limit now in force. Never lowers it; never throws.
   */
  raiseDescriptorLimit(wanted: number): number
  /** Which of CAP_NET_ADMIN, CAP_NET_RAW this process lacks (effective set). Empty when all are there. */
  missingCapabilities(): string[]

  readonly VrrpSocket: new (options: VrrpSocketOptions, onPacket: (packet: NativePacket) => void) => NativeVrrpSocket
  readonly NetlinkEvents: new (onMessages: (messages: Buffer) => void, onOverrun: () => void) => NativeCloseable
  readonly Prober: new () => NativeProber
  readonly DataPlane: new (options: DataPlaneOptions, onEvent: (event: DataPlaneEvent) => void) => NativeDataPlane
}

export interface NativeCloseable {
  /** Closes at once; no callback comes after it. Twice is once. */
  close(): void
}

export interface VrrpSocketOptions {
  readonly family: 4 | 6
  readonly interface: string
  readonly interfaceIndex: number
  /** Multicast group to join: 224.0.0.18 or ff02::12. */
  readonly group: string
  /** Address that multicasts are sent from: one of the interface's own, never a VIP. */
  readonly source: string
}

export interface NativePacket {
  /** What follows the IP header. A copy. */
  readonly payload: Buffer
  readonly source: string
  readonly destination: string
  /** TTL or hop limit. */
  readonly ttl: number
}

/** A VRRP socket (IP protocol 112) on one interface: bound to the device, member of the group, loopback off, TTL 255, TOS 0xc0. */
export interface NativeVrrpSocket extends NativeCloseable {
  /** Sends one advertisement; IPv4 headers are made by the kernel. Throws with the errno's name. */
  send(payload: Buffer, destination: string): void
}

/** One thread that makes TCP health checks the way haproxy does: SYN, SYN/ACK, RST. The server never sees an accept. */
export interface NativeProber extends NativeCloseable {
  /**
   * Checks one address. `done` is called exactly once unless the prober is closed first.
   * @param timeoutMs absolute deadline from now, in milliseconds
   */
  tcp(address: string, port: number, timeoutMs: number, done: (result: ProbeResult) => void): void
}

export interface ProbeResult {
  readonly code: 'L4OK' | 'L4CON' | 'L4TOUT'
  /** The errno's name for L4CON ('ECONNREFUSED', 'EHOSTUNREACH'…), else empty. */
  readonly detail: string
  readonly tookMs: number
}

export interface DataPlaneOptions {
  /** Worker threads, 1 to 64. */
  readonly threads: number
  /** Bulk transfers: 'hybrid' moves to splice when a stream is busy, 'copy' never, 'splice' always. Tests run each. */
  readonly mode: 'hybrid' | 'copy' | 'splice'
  /** Sessions over all services at once; more wait in the kernel's accept queue. */
  readonly maxconn: number
  /** Pipes that each worker may hold, 0 to 4,096; without one a transfer is copied. */
  readonly pipes: number
}

/** A service, whole: publishing it again replaces what was there. Levels, not edges. */
export interface ServiceTable {
  /** Identity over publications: 0 to 65,535. */
  readonly id: number
  readonly listeners: readonly { readonly address: string; readonly port: number }[]
  /** Listen backlog; the kernel cuts it to net.core.somaxconn. */
  readonly backlog: number
  /** Every server that may still have sessions. `id` is its identity over publications, 0 to 65,535. */
  readonly servers: readonly ServerEntry[]
  /** The order in which connections walk the servers: indexes into `servers`. Empty: every connection is answered by RST at once. */
  readonly rotation: readonly number[]
  /** Extra connect attempts after the first. */
  readonly retries: number
  /** A retry may go to another server. */
  readonly redispatch: boolean
  readonly maxconn: number
  /** Milliseconds; 0 is none. */
  readonly connectTimeoutMs: number
  readonly clientTimeoutMs: number
  readonly serverTimeoutMs: number
  /** TCP_USER_TIMEOUT of both legs in milliseconds; 0 is the kernel's default. */
  readonly userTimeoutMs: number
  /** Keepalive of both legs; idleS 0 is off. */
  readonly keepalive: { readonly idleS: number; readonly intervalS: number; readonly count: number }
}

export interface ServerEntry {
  readonly id: number
  readonly address: string
  readonly port: number
  /** Sessions to this server are closed now (RST to the server, FIN to the client), as haproxy's on-marked-down shutdown-sessions. */
  readonly closeSessions: boolean
}

/** The exceptions that come back from the data plane; bytes and accepts never do. At most 1,024 wait in the queue, more are dropped and counted. */
export type DataPlaneEvent =
  | { readonly type: 'connect-failed'; readonly service: number; readonly server: number; readonly error: string }
  | { readonly type: 'accept-failed'; readonly service: number; readonly server: -1; readonly error: string }

export interface NativeDataPlane {
  /**
   * Puts a service in force on every worker. New listeners are bound before old ones close; listeners that stay are not touched.
   * Binds with IP_FREEBIND and SO_REUSEPORT, after a bind without SO_REUSEPORT has shown that nobody else listens there.
   * Throws (code, address and port in the message) when a listener cannot be opened: then nothing has changed.
   */
  publish(table: ServiceTable): void
  /** Closes the service's listeners. Its sessions go on, unless `closeSessions`: then clients get RST, servers RST. */
  withdraw(service: number, closeSessions: boolean): void
  /** Counters and gauges of now. Cheap: relaxed loads. */
  counters(): DataPlaneCounters
  /** Ends every session and thread. Twice is once. At most 1 s. */
  stop(): void
}

export interface DataPlaneCounters {
  readonly services: readonly ServiceCounters[]
  /**
   * Per worker, the number of times its loop has gone round; a worker that lives goes round at least every 250 ms.
   * A worker whose count stands still for a second is stuck.
   */
  readonly heartbeats: readonly number[]
  /** Events dropped because the queue to JavaScript was full. */
  readonly eventsDropped: number
  /** Bytes that went through a pipe (splice) rather than a buffer. */
  readonly bytesSpliced: number
}

export interface ServiceCounters {
  readonly id: number
  readonly current: number
  readonly max: number
  readonly total: number
  /** Client to server. */
  readonly bytesIn: number
  /** Server to client. */
  readonly bytesOut: number
  /** Connections answered by RST because no server was usable. */
  readonly refused: number
  /** Times accepting paused: maxconn reached, or no descriptor left. */
  readonly acceptPauses: number
  /** Sessions ended by a timeout. */
  readonly timeouts: { readonly connect: number; readonly client: number; readonly server: number }
  readonly aborts: { readonly client: number; readonly server: number }
  readonly servers: readonly ServerCounters[]
}

export interface ServerCounters {
  readonly id: number
  readonly current: number
  readonly total: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Further attempts on the same server (haproxy wretr). */
  readonly retries: number
  /** Sessions that left this server for another (haproxy wredis). */
  readonly redispatches: number
  readonly connectErrors: number
  /** Sessions closed because the server was marked down. */
  readonly killed: number
}

const require = createRequire(import.meta.url)

let loaded: Addon | undefined

/** Loads the addon on first use. Throws a VipdError when it was not built for this machine. */
export function addon(): Addon {
  try {
    loaded ??= require('node-gyp-build')(fileURLToPath(new URL('../../../native', import.meta.url))) as Addon
    return loaded
  } catch (error) {
    const message =
      'the native addon was not built for this machine: run `npm run build:native` (needs g++, make and python3)'
    throw new VipdError('ADDON_MISSING', message, { reason: messageOf(error) }, error)
  }
}
