/**
 * The data plane's interface, as the native addon offers it. Everything that crosses is a number, a string or a plain
 * object. Times are milliseconds; 0 is none where nothing else is said.
 */

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

/** Where a service listens. A listener that is published again as it was is not touched. */
export type ListenerEntry = {
  /** The connection begins with a PROXY header, v1 or v2; one that does not is closed. */
  readonly acceptProxy: boolean
  /** Sessions at once that came in here; 0: no limit of its own. */
  readonly maxconn: number
} & (
  | {
      readonly kind: 'tcp'
      readonly address: string
      readonly port: number
      /** [::] takes IPv4 too. */
      readonly v4v6: boolean
      /** SO_BINDTODEVICE; '' is any. */
      readonly interface: string
    }
  /** The socket is made beside its place and renamed into it; what a dead process left there is replaced. `mode` −1: as the umask has it. */
  | { readonly kind: 'unix'; readonly path: string; readonly mode: number }
  /** A listening socket that this process inherited; it is duplicated, never closed. */
  | { readonly kind: 'fd'; readonly fd: number }
)

/**
 * How a server is chosen. All walk `rotation`, the servers that may be chosen now, each as often as its share:
 * - rotation: one step for each connection (roundrobin, static-rr)
 * - leastconn: the fewest sessions, queued ones too, for its weight; ties in turn
 * - first: the first one, in the order of the servers, that has a free slot
 * - source: by the client's address, modulo the length of the rotation
 * - consistent: by the client's address, on `ring`
 * - random: `draws` of the rotation by lot, the one with the fewest sessions for its weight
 */
export type Algorithm = 'rotation' | 'leastconn' | 'first' | 'source' | 'consistent' | 'random'

/** A service, whole: publishing it again replaces what was there. Levels, not edges. */
export interface ServiceTable {
  /** Identity over publications: 0 to 65,535. */
  readonly id: number
  /** None: it serves what other services route to it. */
  readonly listeners: readonly ListenerEntry[]
  /** Listen backlog; the kernel cuts it to net.core.somaxconn. */
  readonly backlog: number
  /** Every server that may still have sessions. `id` is its identity over publications, 0 to 65,535. */
  readonly servers: readonly ServerEntry[]
  /** Indexes into `servers`; at most 65,535. Empty: every connection is answered by RST at once. */
  readonly rotation: readonly number[]
  readonly algorithm: Algorithm
  /** For 'random', 1 to 99. */
  readonly draws: number
  /** For 'consistent': points as [hash, index into servers, hash, index, …], by ascending hash (32 bits, unsigned). */
  readonly ring: readonly number[]
  /**
   * For 'rotation': a server that has more than this percentage of its share of the sessions (of those in rotation),
   * and at least 4 sessions more than it, loses its turn while another one has not. 0: never.
   */
  readonly balanceFactor: number
  /** Extra connect attempts after the first. */
  readonly retries: number
  /** A retry may go to another server. */
  readonly redispatch: boolean
  /** A client's FIN ends a session that has no server yet, although bytes came before it. */
  readonly abortsOnClose: boolean
  readonly maxconn: number
  /** New sessions in a second; more wait in the accept queue. 0: no limit. */
  readonly rateLimit: number
  /** Sessions at once from one address; more are reset. 0: no limit. */
  readonly sourceMaxconn: number
  /** Clients from these networks are reset; '10.0.0.0/8'. Looked at before `allow`. */
  readonly deny: readonly string[]
  /** If there are any, all other clients are reset. */
  readonly allow: readonly string[]
  /** Services that a name in the TLS ClientHello leads to, in lower case; '*.example.com' for all below. None: nothing is waited for. */
  readonly routes: readonly { readonly servername: string; readonly service: number }[]
  /** Connections to servers come from the client's address (IP_TRANSPARENT). */
  readonly isTransparent: boolean
  readonly connectTimeoutMs: number
  readonly clientTimeoutMs: number
  readonly serverTimeoutMs: number
  /** Instead of both once the session is established. */
  readonly tunnelTimeoutMs: number
  /** Instead of the side's once it has sent or received its FIN. */
  readonly clientFinTimeoutMs: number
  readonly serverFinTimeoutMs: number
  readonly queueTimeoutMs: number
  /** A PROXY header or a ClientHello must be there by then. */
  readonly handshakeTimeoutMs: number
  /** TCP_USER_TIMEOUT of both legs; 0 is the kernel's default. */
  readonly userTimeoutMs: number
  /** Keepalive of both legs; idleS 0 is off. */
  readonly keepalive: { readonly idleS: number; readonly intervalS: number; readonly count: number }
  /** Which sessions leave a record at their end; 'sampled': one in `logSample`. */
  readonly sessionLog: 'off' | 'errors' | 'sampled' | 'all'
  readonly logSample: number
}

export interface ServerEntry {
  readonly id: number
  readonly address: string
  readonly port: number
  /** For 'leastconn', 'random' and the balance factor: its share; 0 to 65,535. */
  readonly weight: number
  /** Sessions at once, over all threads; more wait in the service's queue, first come, first served. 0: no limit. */
  readonly maxconn: number
  /** A PROXY header in front of what the client says: 0 none, 1, 2. */
  readonly sendProxy: 0 | 1 | 2
  /** Address that connections to it come from; '' leaves it to the kernel. */
  readonly source: string
  /**
   * Sessions to this server are closed now (RST to the server, FIN to the client), as haproxy's shutdown-sessions:
   * 'down' (termination state D), 'up' (it is a backup and yields: U), 'killed' (by the operator: K). '' leaves them.
   */
  readonly closeSessions: '' | 'down' | 'up' | 'killed'
}

/** The exceptions that come back from the data plane; bytes and accepts never do. At most 1,024 wait in the queue, more are dropped and counted. */
export type DataPlaneEvent =
  | { readonly type: 'connect-failed'; readonly service: number; readonly server: number; readonly error: string }
  | { readonly type: 'accept-failed'; readonly service: number; readonly server: -1; readonly error: string }

/** What is told of a session, living or ended. */
export interface SessionFacts {
  /** Unique in this process; 0x… in the commands. */
  readonly id: number
  /** The service that accepted it, and the one whose servers it got (SNI routes; else the same). */
  readonly service: number
  readonly backend: number
  /** −1: none yet, or never one. */
  readonly server: number
  /** 'ADDRESS:PORT'; of a PROXY header where there was one; 'unix' for a unix socket. */
  readonly client: string
  /** What the client connected to, of a PROXY header where there was one. '' while it is not known. */
  readonly listener: string
  /** Our end of the connection to the server: joins with the source address in the server's own log. '' without one. */
  readonly local: string
  readonly bytesIn: number
  readonly bytesOut: number
}

/** A living session. */
export interface LiveSession extends SessionFacts {
  readonly state: 'handshake' | 'queued' | 'connecting' | 'established'
  readonly ageMs: number
  /** Since the last byte, either way. */
  readonly idleMs: number
}

/** A session that has ended, with what haproxy's tcplog tells. */
export interface SessionRecord extends SessionFacts {
  /** When it was accepted: milliseconds since 1970. */
  readonly acceptedAtMs: number
  /** haproxy's Tw, Tc, Tt: waited in the queue, took to connect, lasted; −1: that was never reached. */
  readonly queueMs: number
  readonly connectMs: number
  readonly totalMs: number
  /** haproxy's termination state: '--', 'cD', 'SC' … */
  readonly termination: string
  readonly retries: number
  readonly isRedispatched: boolean
  /** haproxy's actconn, feconn, beconn, srv_conn at the end, itself counted. */
  readonly connections: readonly [number, number, number, number]
  /** haproxy's srv_queue and backend_queue: how many were before it. */
  readonly queued: readonly [number, number]
}

/** Which sessions are meant. */
export interface SessionFilter {
  /** −1: of all. */
  readonly service: number
  readonly server: number
  /** Without a byte for at least this long. */
  readonly quietMs: number
  /** The oldest so many of each thread, at most 65,536. */
  readonly most: number
}

/** What one process gives to another so that nothing of it ends. Descriptors belong to whoever has this. */
export interface HandedPlane {
  /** Records, one after the other, in the addon's own form (`handoverFormat`). */
  readonly sessions: Buffer
  /** Their sockets, in the same order. */
  readonly descriptors: readonly number[]
  /** Listening sockets, one for each thread, by where they listen; what waits in their queues goes along. */
  readonly listeners: readonly { readonly place: string; readonly descriptor: number }[]
}

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
  /** Living sessions, oldest first. `done` is called once, unless the plane is stopped first. Throws EAGAIN where 256 such questions wait. */
  sessions(filter: SessionFilter, done: (sessions: readonly LiveSession[]) => void): void
  /**
   * Who is connected with whom, of established sessions over IP: 36 bytes each, the client's address and port, then the
   * listener's, in network order, IPv4 as ::ffff:0:0/96. The oldest `most` of each thread, at most 65,536. As `sessions` otherwise.
   */
  endpoints(most: number, done: (endpoints: Buffer) => void): void
  /**
   * Resets the sessions whose clients came to one of these addresses by the network, on whatever listener. `done`, with how many,
   * when that has been done; otherwise as in `sessions`.
   */
  resetAt(addresses: readonly string[], done: (sessions: number) => void): void
  /**
   * Gives every session away, and accepts nothing from then on. Nothing is said to clients and servers: what they send
   * waits in their sockets. `done` as in `sessions`. `adopt` is the way back.
   */
  handOver(done: (handed: HandedPlane) => void): void
  /**
   * Sessions of `handOver`, of another process or of this one, go on here; their services must have been published
   * under the same ids. What has no place here is reset. The descriptors are the plane's from then on. Accepts again.
   * Throws a RangeError for records that are cut; then all descriptors are closed.
   */
  adopt(sessions: Buffer, descriptors: readonly number[]): void
  /** The next listener at this place takes these sockets instead of opening its own; the descriptor is the plane's. */
  offer(place: string, descriptor: number): void
  /** Closes what was offered and not taken. */
  closeOffers(): void
  /**
   * Ends one session, as haproxy's `shutdown session` (RST to the server, FIN to the client, termination state K).
   * It goes on if it has had a byte in the last `quietMs`. No word comes back: its record and the counters tell.
   */
  kill(session: number, quietMs: number): void
  /** The records since the last call, at most `most`, oldest first. Each worker keeps at most 4,096; more are dropped and counted. */
  records(most: number): readonly SessionRecord[]
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
  /** Session records dropped because nobody fetched them in time. */
  readonly recordsDropped: number
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
  /** Connections reset by `deny` and `allow`; by `sourceMaxconn`. */
  readonly denied: number
  readonly sourceLimited: number
  /** Connections whose PROXY header or ClientHello could not be read. */
  readonly malformed: number
  /** Sessions that wait for a server's slot now. */
  readonly queued: number
  /** Times accepting paused: maxconn or rate limit reached, or no descriptor left. */
  readonly acceptPauses: number
  /** Sessions ended by a timeout. */
  readonly timeouts: {
    readonly connect: number
    readonly client: number
    readonly server: number
    readonly queue: number
    readonly handshake: number
  }
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
  /** Sessions closed because the server was marked down, or by the operator. */
  readonly killed: number
  /** Live connections that failed in a row, over all threads; 0 after one that worked. */
  readonly failuresInRow: number
}
