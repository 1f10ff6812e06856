import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type * as RawSocket from 'raw-socket'
import { messageOf } from '../base/errors.js'
import { addressBytes } from '../base/ip.js'
import type { Addon, NativePacket, VrrpSocketOptions } from './addon.js'

/** A socket of IP protocol 112 on one interface. */
export interface VrrpSocket {
  /** Which implementation carries it: npm raw-socket, or the addon's own where that was not built. */
  readonly kind: 'raw-socket' | 'addon'
  /** Sends one advert. Failures come by `onError`, at once or a moment later. */
  send(payload: Uint8Array, destination: string): void
  /** Resolves when everything that was given to `send` has left, or after 200 ms: raw-socket sends at the loop's next turn. */
  flush(): Promise<void>
  close(): void
}

export interface VrrpSocketHandlers {
  readonly onPacket: (packet: NativePacket) => void
  readonly onError: (message: string) => void
}

const require = createRequire(import.meta.url)

const IPPROTO_IP = 0
const SOL_SOCKET = 1
const IPPROTO_VRRP = 112
const OPTION = {
  SO_BINDTODEVICE: 25,
  SO_RCVBUF: 8,
  IP_TOS: 1,
  IP_TTL: 2,
  IP_MULTICAST_IF: 32,
  IP_MULTICAST_TTL: 33,
  IP_MULTICAST_LOOP: 34,
  IP_ADD_MEMBERSHIP: 35,
  IP_MULTICAST_ALL: 49
} as const

const FLUSH_MS = 200

/** CS6, network control, as RFC 2474 and keepalived have it. */
const TOS_NETWORK_CONTROL = 0xc0

/** Opens the socket by npm raw-socket for IPv4, and by the addon for IPv6 or where raw-socket did not get built. Throws when neither can. */
export function openVrrpSocket(
  addon: Pick<Addon, 'VrrpSocket' | 'closeOnExec'>,
  options: VrrpSocketOptions,
  handlers: VrrpSocketHandlers
): VrrpSocket {
  const raw = options.family === 4 ? loadRawSocket() : undefined
  return raw === undefined ? openByAddon(addon, options, handlers) : openByRawSocket(raw, addon, options, handlers)
}

/** npm 12 skips install scripts of dependencies in silence, and a Node upgrade outdates the binary: then it is not there. */
function loadRawSocket(): typeof RawSocket | undefined {
  try {
    return require('raw-socket') as typeof RawSocket
  } catch {
    return undefined
  }
}

function openByAddon(
  addon: Pick<Addon, 'VrrpSocket'>,
  options: VrrpSocketOptions,
  handlers: VrrpSocketHandlers
): VrrpSocket {
  const socket = new addon.VrrpSocket(options, handlers.onPacket)
  return {
    kind: 'addon',
    send(payload, destination) {
      try {
        socket.send(Buffer.from(payload), destination)
      } catch (error) {
        handlers.onError(messageOf(error))
      }
    },
    flush: () => Promise.resolve(),
    close: () => socket.close()
  }
}

/** The sockets that are open: raw-socket's are garbage collected, and closed, as soon as nothing refers to them. */
const open = new Set<RawSocket.Socket>()

function openByRawSocket(
  raw: typeof RawSocket,
  addon: Pick<Addon, 'closeOnExec'>,
  options: VrrpSocketOptions,
  handlers: VrrpSocketHandlers
): VrrpSocket {
  const socket = raw.createSocket({ protocol: IPPROTO_VRRP, addressFamily: raw.AddressFamily.IPv4 })
  try {
    configure(socket, options)
  } catch (error) {
    socket.close()
    throw error
  }
  // It is born without O_CLOEXEC.
  addon.closeOnExec()
  open.add(socket)
  let isOpen = true
  let unsent = 0
  const waiting: (() => void)[] = []
  socket.on('message', (buffer) => {
    const packet = parseIpv4(buffer)
    if (!isOpen || packet === undefined) return
    try {
      handlers.onPacket(packet)
    } catch (bug) {
      // raw-socket would turn it into an `error` event: a bug must end the process.
      queueMicrotask(() => {
        throw bug
      })
    }
  })
  socket.on('error', (error) => {
    if (isOpen) handlers.onError(messageOf(error))
  })
  return {
    kind: 'raw-socket',
    send(payload, destination) {
      // After close() raw-socket would make a new socket without any of the options.
      if (!isOpen) return
      unsent++
      socket.send(Buffer.from(payload), 0, payload.length, destination, (error) => {
        unsent--
        if (unsent === 0) for (const resolve of waiting.splice(0)) resolve()
        if (error instanceof Error && isOpen) handlers.onError(messageOf(error))
      })
    },
    async flush() {
      if (unsent === 0 || !isOpen) return
      await Promise.race([
        new Promise<void>((resolve) => waiting.push(resolve)),
        sleep(FLUSH_MS, undefined, { ref: false })
      ])
    },
    close() {
      if (!isOpen) return
      isOpen = false
      open.delete(socket)
      socket.close()
    }
  }
}

function configure(socket: RawSocket.Socket, options: VrrpSocketOptions): void {
  const device = Buffer.from(`${options.interface}\0`)
  socket.setOption(SOL_SOCKET, OPTION.SO_BINDTODEVICE, device, device.length)
  socket.setOption(SOL_SOCKET, OPTION.SO_RCVBUF, 1 << 18)
  socket.setOption(IPPROTO_IP, OPTION.IP_MULTICAST_TTL, 255)
  socket.setOption(IPPROTO_IP, OPTION.IP_MULTICAST_LOOP, 0)
  socket.setOption(IPPROTO_IP, OPTION.IP_MULTICAST_ALL, 0)
  socket.setOption(IPPROTO_IP, OPTION.IP_TTL, 255)
  socket.setOption(IPPROTO_IP, OPTION.IP_TOS, TOS_NETWORK_CONTROL)
  // The source is named: the kernel's own choice could be a VIP once the interface's first address has come and gone.
  const from = mreqn('0.0.0.0', options.source, options.interfaceIndex)
  socket.setOption(IPPROTO_IP, OPTION.IP_MULTICAST_IF, from, from.length)
  const member = mreqn(options.group, '0.0.0.0', options.interfaceIndex)
  socket.setOption(IPPROTO_IP, OPTION.IP_ADD_MEMBERSHIP, member, member.length)
}

/** struct ip_mreqn */
function mreqn(group: string, address: string, index: number): Buffer {
  const buffer = Buffer.alloc(12)
  buffer.set(addressBytes(group) ?? [], 0)
  buffer.set(addressBytes(address) ?? [], 4)
  buffer.writeInt32LE(index, 8)
  return buffer
}

/**
 * An IPv4 datagram with its header → what it carries. The header's length is IHL, not always 20; what stands behind
 * its total length is Ethernet padding. A copy: raw-socket reads the next packet into the same buffer.
 */
export function parseIpv4(datagram: Buffer): NativePacket | undefined {
  const [first = 0] = datagram
  const headerLength = (first & 0xf) * 4
  if (first >> 4 !== 4 || headerLength < 20 || datagram.length < headerLength) return undefined
  const end = Math.min(datagram.length, Math.max(headerLength, datagram.readUInt16BE(2)))
  return {
    payload: Buffer.from(datagram.subarray(headerLength, end)),
    source: datagram.subarray(12, 16).join('.'),
    destination: datagram.subarray(16, 20).join('.'),
    ttl: datagram[8] ?? 0
  }
}
