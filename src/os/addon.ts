import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { messageOf, VipdError } from '../base/errors.js'
import type { DataPlaneEvent, DataPlaneOptions, NativeDataPlane } from './plane.js'

/**
 * The native addon: its whole interface, and the only place that loads it.
 * Everything that crosses is a number, a string, a Buffer or a plain object. Failed system calls throw an
 * Error whose `code` is the errno name ('EADDRINUSE') and whose `syscall` is the call that failed.
 */
export interface Addon {
  /** Sends one whole Ethernet frame on an interface (AF_PACKET). Needs CAP_NET_RAW. */
  sendFrame(interfaceIndex: number, frame: Buffer): void
  /** Sends one whole IP packet, header and all, to where its header says; its source need not be here. Needs CAP_NET_RAW. Never blocks. */
  sendIp(packet: Buffer): void
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

  /** Both ends of a connection to another process of this host, which keeps messages apart. Close-on-exec. */
  openPair(): [number, number]
  /**
   * Sends one message, at most 96 KiB and 253 descriptors, which stay open here. Never blocks.
   * @returns false: the other side has not read enough yet. Throws EPIPE or ECONNRESET when it is gone.
   */
  sendMessage(descriptor: number, bytes: Buffer, descriptors: readonly number[]): boolean
  /** The next message, with descriptors that are the caller's; undefined: none is there. Throws ECONNRESET when the other side is gone. */
  receiveMessage(descriptor: number): { readonly bytes: Buffer; readonly descriptors: number[] } | undefined
  closeDescriptors(descriptors: readonly number[]): void
  /** A datagram with descriptors, at most 253, to a unix socket. Never blocks. @returns false: it has no room now */
  sendDescriptors(path: string, payload: Buffer, descriptors: readonly number[]): boolean
  /** What a descriptor stands for, whatever its number in which process; '' where it is none. */
  identityOf(descriptor: number): string
  /** A file that is nowhere but in memory, with these bytes in it. @returns its descriptor */
  memoryFile(bytes: Buffer): number
  /**
   * Starts a program in a session of its own, with our stdout and stderr, nothing to read, and `descriptor` as its 3; its
   * parent is ours. Blocks for a fork and an exec. Throws the errno of either. @returns its number
   */
  startSuccessor(how: {
    readonly program: string
    readonly arguments: readonly string[]
    /** `NAME=value` */
    readonly environment: readonly string[]
    readonly descriptor: number
  }): number
  /** The form of the data plane's records. */
  readonly handoverFormat: number

  readonly VrrpSocket: new (options: VrrpSocketOptions, onPacket: (packet: NativePacket) => void) => NativeVrrpSocket
  readonly AdvertSender: new (options: AdvertSenderOptions) => NativeAdvertSender
  /** Tells of every ARP packet (IPv4 over Ethernet) that comes in by an interface, never of what this host sends. At most 64 a turn; more than the socket holds is lost. */
  readonly ArpSocket: new (
    interfaceIndex: number,
    onArp: (arp: NativeArp) => void
  ) => NativeCloseable
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
  /** Multicast groups to join, each once: 224.0.0.18, ff02::12. Empty: unicast only. */
  readonly groups: readonly string[]
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
  /**
   * When the kernel took it from the interface, however long it waited to be read: monotonic milliseconds with
   * fractions, on the scale of process.hrtime. A wall clock that is stepped meanwhile makes it at worst the moment
   * of reading, or the moment when the socket was last empty.
   */
  readonly receivedAtMs: number
}

/** How a datagram is addressed. */
export interface AdvertTarget {
  readonly destination: string
  /** An address of this host, of the socket's family. */
  readonly source: string
  /** TTL or hop limit, 1 to 255. */
  readonly ttl: number
}

/**
 * A VRRP socket (IP protocol 112) on one interface, both families: bound to the device, member of its groups and of no
 * other socket's, loopback of its own multicasts off, TOS 0xc0. Reads at most 64 packets a turn; holds 256 KiB unread.
 */
export interface NativeVrrpSocket extends NativeCloseable {
  /**
   * Sends one advertisement at once. The kernel makes the IPv4 header, and for IPv6 the VRRP checksum (bytes 6 and 7).
   * Throws with the errno's name: EINVAL or ENETUNREACH for a source that is not this host's.
   */
  send(payload: Buffer, to: AdvertTarget): void
  /** Reads all that waits right now, at most 1,024 packets, `onPacket` for each before it returns. Within onPacket it does nothing. */
  drain(): void
}

export interface AdvertSenderOptions {
  /** SCHED_RR priority of the thread, 1 to 99; 0 is none. Where it is not permitted the thread gets a nice value of −20, or none. */
  readonly realTimePriority: number
}

/** One datagram of an advert. */
export interface AdvertDatagram extends AdvertTarget {
  readonly payload: Buffer
}

/** What an instance says from now on. All times are monotonic milliseconds. */
export interface AdvertPlan {
  /** Kept open until the plan is replaced or cleared, also when it is closed here. */
  readonly socket: NativeVrrpSocket
  /** 1 to 1,024 adverts, each with its datagrams, one for each destination, at most 1,024. */
  readonly adverts: readonly (readonly AdvertDatagram[])[]
  /** After the last advert: true sends that one again and again, false ends the plan ('exhausted'), as signed adverts cannot be sent twice. */
  readonly repeat: boolean
  /** When the first is due; in the past is at once. */
  readonly firstAtMs: number
  /** From one due time to the next, at least 10. Counted from the due time, or from the sending where that was late by more than 1 ms. */
  readonly intervalMs: number
  /** A silence of at least this, since the last advert or `sinceMs`, ends the plan unsent ('stalled'): a peer may have taken over. */
  readonly silenceMs: number
  /** When the last advert went out, by whoever sent it. */
  readonly sinceMs: number
}

export interface AdvertState {
  /** When the last advert went out; `sinceMs` of the plan where that is later. */
  readonly lastSentAtMs: number
  /** Adverts of this id so far, over all plans. One counts when a datagram of it has left. */
  readonly sent: number
  /** Adverts that were due while the main loop was not proven. */
  readonly heldBack: number
  /** Longest time from due to sent, held back or not. */
  readonly worstLatenessMs: number
  /** Why the plan in force has ended; empty while it goes on. */
  readonly ended: '' | 'stalled' | 'exhausted'
  /** Datagrams that the kernel refused. An advert of which none left is tried again at the next due time. */
  readonly errors: number
  /** The errno's name of the last of them, else empty. */
  readonly lastError: string
}

/** A thread that sends adverts on time although the main loop is busy, for as long as that one has proven to be alive. Keeps no process alive. */
export interface NativeAdvertSender extends NativeCloseable {
  /** The thread got the real-time priority. */
  readonly isRealTime: boolean
  /** From now on instance `id` (0 to 65,535; at most 512 at once) says this, whole: a level. Throws on an address that cannot be, a closed socket (EBADF), or when closed (ESHUTDOWN). */
  plan(id: number, plan: AdvertPlan): void
  /** The instance says nothing from now on: when it returns nothing more leaves. */
  clear(id: number): void
  /** The main loop is alive: adverts may leave until this moment, later ones are held back until it is proven again. A level. */
  prove(untilMs: number): void
  /** What became of the plans of an instance; undefined when there never was one. Cleared ones are forgotten once 512 are known. */
  state(id: number): AdvertState | undefined
}

export interface NativeArp {
  /** 1 request, 2 reply. */
  readonly operation: number
  /** What the packet says, six bytes; not the frame's own source. */
  readonly senderMac: Buffer
  readonly senderAddress: string
  readonly targetAddress: string
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

/** Descriptors that one message carries: the kernel takes 253. */
export const DESCRIPTORS_EACH = 250

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
