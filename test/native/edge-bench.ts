import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import type { Test } from 'tap'
import type { ListenerEntry } from '../../src/os/plane.js'
import { listener, serve, until } from './bench.js'

/** A server that writes its name to whoever comes and remembers what each of them says. */
export interface Recorder {
  readonly port: number
  /** By connection, in the order of their coming. */
  readonly heard: { bytes: Buffer; isOver: boolean }[]
  /** Waits until connection `index` has said so much. */
  hears(index: number, size: number): Promise<Buffer>
}

/** @param name written at once to whoever comes; '' writes nothing */
export async function recorder(t: Test, name: string, host = '127.0.0.1'): Promise<Recorder> {
  const heard: { bytes: Buffer; isOver: boolean }[] = []
  const server = await serve(
    t,
    (socket) => {
      const entry = { bytes: Buffer.alloc(0), isOver: false }
      heard.push(entry)
      if (name !== '') socket.write(name)
      socket.on('data', (part) => {
        entry.bytes = Buffer.concat([entry.bytes, part])
      })
      socket.on('end', () => {
        entry.isOver = true
        socket.end('bye')
      })
    },
    host
  )
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const hears = async (index: number, size: number): Promise<Buffer> => {
    await until(`${name} hears ${size} bytes`, () => (heard[index]?.bytes.length ?? 0) >= size)
    return heard[index]?.bytes ?? Buffer.alloc(0)
  }
  return { port: address.port, heard, hears }
}

/** A listener that wants a PROXY header. */
export const proxied = (port: number, address = '127.0.0.1'): ListenerEntry => ({
  ...listener(address, port),
  acceptProxy: true
})

export const v1 = (source = '192.0.2.1', destination = '198.51.100.2', sourcePort = 56789, port = 443): string =>
  `PROXY TCP${source.includes(':') ? 6 : 4} ${source} ${destination} ${sourcePort} ${port}\r\n`

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** A header of version 2 as it is asked for, right or wrong. */
export function v2(command: number, protocol: number, body: Buffer, length = body.length): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.from([command, protocol, length >> 8, length & 255]), body])
}

/** 192.0.2.1:56789 to 198.51.100.2:443. */
export const BODY4 = Buffer.from([192, 0, 2, 1, 198, 51, 100, 2, 0xdd, 0xd5, 0x01, 0xbb])
/** [2001:db8::1]:56789 to [2001:db8::2]:443. */
export const BODY6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'),
  Buffer.from([0xdd, 0xd5, 0x01, 0xbb])
])

/** What Node's TLS says first. @param servername '' for none */
export async function clientHello(t: Test, servername: string): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const socket = tls.connect({ port: address.port, host: '127.0.0.1', servername, rejectUnauthorized: false })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  const [peer] = (await once(server, 'connection')) as [net.Socket]
  const [bytes] = (await once(peer, 'data')) as [Buffer]
  peer.destroy()
  server.close()
  return bytes
}

/** Writes byte by byte, each in a segment of its own. */
export async function drip(socket: net.Socket, bytes: Buffer | string): Promise<void> {
  socket.setNoDelay(true)
  for (const byte of Buffer.from(bytes)) {
    await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve))
    await new Promise((resolve) => setImmediate(resolve))
  }
}
