import { createRequire } from 'node:module'
import type * as RawSocket from 'raw-socket'
import { messageOf } from '../base/errors.js'
import type { Family } from '../base/ip.js'
import type { Addon } from './addon.js'

/** A raw socket that sends any ICMP message and hears echo replies alone. */
export interface IcmpSocket {
  /** Sends one message, without an IP header; for IPv6 the kernel makes the checksum. `onError`: it did not leave. */
  send(message: Buffer, address: string, onError: (message: string) => void): void
  /** Closes at once; nothing is told after it. Twice is once. */
  close(): void
}

export interface IcmpHandlers {
  /** An echo reply, without an IP header. Valid only until it returns. */
  readonly onReply: (message: Buffer, source: string) => void
  /** The socket has failed and is closed. */
  readonly onClosed: (message: string) => void
}

export type OpenIcmp = (family: Family, handlers: IcmpHandlers) => IcmpSocket

const require = createRequire(import.meta.url)

/** struct icmp_filter (SOL_RAW, ICMP_FILTER): every type but 0 is kept from us. */
const V4 = { protocol: 1, level: 255, filter: Buffer.from([0xfe, 0xff, 0xff, 0xff]) } as const
/** struct icmp6_filter (SOL_ICMPV6, ICMPV6_FILTER): every type but 129. */
const V6 = { protocol: 58, level: 58, filter: icmp6Filter(129) } as const
const FILTER = 1
const SOL_SOCKET = 1
const SO_RCVBUF = 8
/** Unread replies of more than a thousand servers. */
const RCVBUF_BYTES = 1 << 20
/** Longer than any reply of ours; what a reply has beyond it is cut. */
const BUFFER_BYTES = 1024

/** The sockets that are open: raw-socket's are garbage collected, and closed, as soon as nothing refers to them. */
const held = new Set<RawSocket.Socket>()

/** Opens npm raw-socket for ICMP, or for ICMPv6. Throws where it is not there, or without CAP_NET_RAW. */
export const icmpOpener =
  (addon: Pick<Addon, 'closeOnExec'>): OpenIcmp =>
  (family, { onReply, onClosed }) => {
    const raw = loadRawSocket()
    const { protocol, level, filter } = family === 4 ? V4 : V6
    const addressFamily = family === 4 ? raw.AddressFamily.IPv4 : raw.AddressFamily.IPv6
    const socket = raw.createSocket({ protocol, addressFamily, bufferSize: BUFFER_BYTES })
    try {
      socket.setOption(level, FILTER, filter, filter.length)
      socket.setOption(SOL_SOCKET, SO_RCVBUF, RCVBUF_BYTES)
      // It is born without O_CLOEXEC.
      addon.closeOnExec()
    } catch (error) {
      socket.close()
      throw error
    }
    held.add(socket)
    let isOpen = true
    const end = (): boolean => {
      const wasOpen = isOpen
      isOpen = false
      held.delete(socket)
      return wasOpen
    }
    socket.on('message', (packet, source) => {
      const message = family === 4 ? withoutHeader(packet) : packet
      if (isOpen && message !== undefined) onReply(message, source)
    })
    // It may or may not close itself after an error.
    socket.on('error', (error) => {
      if (!end()) return
      socket.close()
      onClosed(messageOf(error))
    })
    socket.on('close', () => {
      if (end()) onClosed('closed')
    })
    return {
      send(message, address, onError) {
        if (!isOpen) return
        socket.send(message, 0, message.length, address, (error) => {
          if (error instanceof Error && isOpen) onError(messageOf(error))
        })
      },
      close() {
        if (end()) socket.close()
      }
    }
  }

function loadRawSocket(): typeof RawSocket {
  try {
    return require('raw-socket') as typeof RawSocket
  } catch (error) {
    throw new Error('npm raw-socket was not built: npm rebuild raw-socket', { cause: error })
  }
}

/** A raw socket of IPv4 hears packets with their IP header. */
function withoutHeader(packet: Buffer): Buffer | undefined {
  const length = ((packet[0] ?? 0) & 0x0f) * 4
  return length >= 20 && packet.length > length ? packet.subarray(length) : undefined
}

/** A bit that is set keeps its type from us. */
function icmp6Filter(type: number): Buffer {
  const filter = Buffer.alloc(32, 0xff)
  const word = (type >> 5) * 4
  filter.writeUInt32LE((0xffffffff & ~(1 << (type & 31))) >>> 0, word)
  return filter
}
