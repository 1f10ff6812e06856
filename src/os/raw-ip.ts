import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type * as RawSocket from 'raw-socket'
import { messageOf } from '../base/errors.js'
import { addressBytes } from '../base/ip.js'
import type { Addon, AdvertTarget, NativePacket, NativeVrrpSocket, VrrpSocketOptions } from './addon.js'

/** A socket of IP protocol 112 on one interface. The addon's receives, and sends what raw-socket does not. */
export interface VrrpSocket {
  /** How multicast adverts of this end leave: by npm raw-socket, or by the addon for IPv6 and where that is not there. */
  readonly kind: 'raw-socket' | 'addon'
  /** The addon's socket, for an AdvertSender. */
  readonly native: NativeVrrpSocket
  /** Sends one advert. Failures come by `onError`, at once or a moment later. */
  send(payload: Uint8Array, to: AdvertTarget): void
  /** Reads all that waits right now, at most 1,024 packets; within `onPacket` it does nothing. */
  drain(): void
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
  IP_MULTICAST_ALL: 49
} as const

const TTL = 255
const FLUSH_MS = 200

/** CS6, network control, as RFC 2474 and keepalived have it. */
const TOS_NETWORK_CONTROL = 0xc0

/**
 * Opens the addon's socket, and for IPv4, where npm raw-socket can be loaded, one of that beside it: multicast adverts
 * from `options.source` with TTL 255 leave by it. Throws when either cannot be opened.
 * @param raw npm raw-socket, or null for none
 */
export function openVrrpSocket(
  addon: Pick<Addon, 'VrrpSocket' | 'closeOnExec'>,
  options: VrrpSocketOptions,
  handlers: VrrpSocketHandlers,
  raw: typeof RawSocket | null = loadRawSocket()
): VrrpSocket {
  const native = new addon.VrrpSocket(options, handlers.onPacket)
  let sender: Sender | undefined
  try {
    if (raw !== null && options.family === 4) sender = openSender(raw, addon, options, handlers.onError)
  } catch (error) {
    native.close()
    throw error
  }
  let isOpen = true
  return {
    get kind() {
      return sender?.isUsable === true ? 'raw-socket' : 'addon'
    },
    native,
    send(payload, to) {
      if (!isOpen) return
      if (sender?.isUsable === true && isMulticast(to.destination) && to.source === options.source && to.ttl === TTL) {
        sender.send(payload, to.destination)
        return
      }
      try {
        native.send(Buffer.from(payload), to)
      } catch (error) {
        handlers.onError(messageOf(error))
      }
    },
    drain() {
      if (isOpen) native.drain()
    },
    flush: () => sender?.flush() ?? Promise.resolve(),
    close() {
      isOpen = false
      sender?.close()
      native.close()
    }
  }
}

/** npm 12 skips install scripts of dependencies in silence, and a Node upgrade outdates the binary: then it is not there. */
function loadRawSocket(): typeof RawSocket | null {
  try {
    return require('raw-socket') as typeof RawSocket
  } catch {
    return null
  }
}

/** 224.0.0.0/4 */
function isMulticast(address: string): boolean {
  const [first = 0] = addressBytes(address) ?? []
  return first >> 4 === 0xe
}

/** A raw-socket that only sends. */
interface Sender {
  /** It is open. raw-socket closes itself after an error of its own. */
  readonly isUsable: boolean
  send(payload: Uint8Array, destination: string): void
  flush(): Promise<void>
  close(): void
}

/** The sockets that are open: raw-socket's are garbage collected, and closed, as soon as nothing refers to them. */
const open = new Set<RawSocket.Socket>()

function openSender(
  raw: typeof RawSocket,
  addon: Pick<Addon, 'closeOnExec'>,
  options: VrrpSocketOptions,
  onError: (message: string) => void
): Sender {
  const socket = raw.createSocket({ protocol: IPPROTO_VRRP, addressFamily: raw.AddressFamily.IPv4 })
  try {
    socket.pauseRecv()
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
  const settle = (): void => {
    for (const resolve of waiting.splice(0)) resolve()
  }
  const end = (): void => {
    isOpen = false
    open.delete(socket)
    settle()
  }
  socket.on('error', (error) => {
    if (isOpen) onError(messageOf(error))
  })
  socket.on('close', end)
  return {
    get isUsable() {
      return isOpen
    },
    send(payload, destination) {
      // After close() raw-socket would make a new socket without any of the options.
      if (!isOpen) return
      unsent++
      socket.send(Buffer.from(payload), 0, payload.length, destination, (error) => {
        unsent--
        if (unsent === 0) settle()
        if (error instanceof Error && isOpen) onError(messageOf(error))
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
      end()
      socket.close()
    }
  }
}

function configure(socket: RawSocket.Socket, options: VrrpSocketOptions): void {
  const device = Buffer.from(`${options.interface}\0`)
  socket.setOption(SOL_SOCKET, OPTION.SO_BINDTODEVICE, device, device.length)
  // Nobody reads it: what comes in (unicast adverts do) fills the least that the kernel lets it hold, and is dropped.
  socket.setOption(SOL_SOCKET, OPTION.SO_RCVBUF, 0)
  socket.setOption(IPPROTO_IP, OPTION.IP_MULTICAST_ALL, 0)
  socket.setOption(IPPROTO_IP, OPTION.IP_MULTICAST_TTL, TTL)
  socket.setOption(IPPROTO_IP, OPTION.IP_MULTICAST_LOOP, 0)
  socket.setOption(IPPROTO_IP, OPTION.IP_TTL, TTL)
  socket.setOption(IPPROTO_IP, OPTION.IP_TOS, TOS_NETWORK_CONTROL)
  // The source is named: the kernel's own choice could be a VIP once the interface's first address has come and gone.
  const from = mreqn(options.source, options.interfaceIndex)
  socket.setOption(IPPROTO_IP, OPTION.IP_MULTICAST_IF, from, from.length)
}

/** struct ip_mreqn, of no group */
function mreqn(address: string, index: number): Buffer {
  const buffer = Buffer.alloc(12)
  buffer.set(addressBytes(address) ?? [], 4)
  buffer.writeInt32LE(index, 8)
  return buffer
}
