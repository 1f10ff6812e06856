import { createHash, type Hash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, connect as dialTls, type TLSSocket } from 'node:tls'
import { nowMs } from '../lab/wait.js'
import { HttpReader } from './http-reader.js'
import type { Behaviour, ConnectOptions, Ending, Request, Target, Told, Visit, VisitOptions } from './protocol.js'

/** A process that plays clients or servers in its namespace, as the judge (its parent) tells it to. It ends with the judge. */

/** More of what a connection says is counted, not told. */
const MOST_TOLD_BYTES = 65_536
const BLOCK_BYTES = 1 << 20
const TICK_MS = 20

interface Peer {
  readonly socket: Socket
  readonly hash: Hash
  bytes: number
  hasEnded: boolean
  sipMs: number
}

interface Listener {
  readonly server: Server
  how: Behaviour
}

const peers = new Map<string, Peer>()
const listeners = new Map<string, Listener>()
const held = new Set<Socket>()
let accepted = 0
let lateMs = 0
let nextTick = nowMs() + TICK_MS

process.on('disconnect', () => process.exit(0))
process.on('message', (request: Request) => {
  perform(request).then(
    (result) => tell({ tell: 'answer', request: request.request, result }),
    (error: unknown) => tell({ tell: 'answer', request: request.request, result: null, error: String(error) })
  )
})
setInterval(() => {
  const now = nowMs()
  lateMs = Math.max(lateMs, now - nextTick)
  nextTick = now + TICK_MS
}, TICK_MS)

function tell(told: Told): void {
  if (process.connected) process.send?.(told)
}

async function perform(request: Request): Promise<unknown> {
  switch (request.do) {
    case 'listen':
      return listen(request.id, request.host, request.port, request.how)
    case 'behave':
      return behave(request.id, request.how)
    case 'unlisten':
      return unlisten(request.id)
    case 'connect':
      return connect(request.id, request.options)
    case 'say':
      return say(peer(request.id).socket, request.text, request.everyMs)
    case 'end':
      peer(request.id).socket.end()
      return null
    case 'reset':
      peer(request.id).socket.resetAndDestroy()
      return null
    case 'pause':
      peer(request.id).socket.pause()
      return null
    case 'resume':
      peer(request.id).socket.resume()
      return null
    case 'sip':
      peer(request.id).sipMs = request.everyMs
      return null
    case 'pump':
      return pump(peer(request.id).socket, request.bytes)
    case 'visits':
      return visits(request.options)
    case 'release':
      return release(request.how)
    case 'syslog':
      return syslog(request.host, request.port)
    case 'lateness': {
      const most = lateMs
      lateMs = 0
      return most
    }
  }
}

function peer(id: string): Peer {
  const found = peers.get(id)
  if (found === undefined) throw new Error(`no connection ${id}`)
  return found
}

/** A connection whose life is told to the judge. */
function adopt(id: string, socket: Socket, how: () => Behaviour): Peer {
  const one: Peer = { socket, hash: createHash('sha256'), bytes: 0, hasEnded: false, sipMs: 0 }
  peers.set(id, one)
  socket.setNoDelay(true)
  const http = new HttpReader()
  const ended = (ending: Ending, detail: string): void => {
    one.hasEnded = true
    tell({ tell: 'ending', at: nowMs(), id, ending, detail, sha256: one.hash.copy().digest('hex') })
  }
  socket.on('data', (chunk: Buffer) => {
    const text = one.bytes < MOST_TOLD_BYTES ? chunk.toString('latin1') : ''
    one.bytes += chunk.length
    one.hash.update(chunk)
    tell({ tell: 'heard', at: nowMs(), id, text, bytes: one.bytes })
    const { echo, http: answer } = how()
    if (echo === true) socket.write(chunk)
    if (answer !== undefined) for (const isLast of http.take(chunk)) respond(socket, answer, isLast)
    if (one.sipMs > 0) {
      socket.pause()
      setTimeout(() => socket.resume(), one.sipMs)
    }
  })
  socket.on('end', () => {
    ended('eof', '')
    if (how().onEnd !== 'keep') socket.end()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => ended(endingOf(error), `${error.code ?? error.message}`))
  return one
}

function respond(socket: Socket, { status, body = '' }: { status: number; body?: string }, isLast: boolean): void {
  const connection = isLast ? 'Connection: close\r\n' : ''
  socket.write(`HTTP/1.1 ${status} Said\r\nContent-Length: ${body.length}\r\n${connection}\r\n${body}`)
  if (isLast) socket.end()
}

function endingOf(error: NodeJS.ErrnoException): Ending {
  switch (error.code) {
    case 'ECONNRESET':
    case 'EPIPE':
      return 'reset'
    case 'ECONNREFUSED':
    case 'ENOENT':
      return 'refused'
    case 'ETIMEDOUT':
      return 'timeout'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'unreachable'
    default:
      return 'error'
  }
}

function listen(id: string, host: string, port: number, how: Behaviour): Promise<null> {
  const take = (socket: Socket | TLSSocket): void => {
    accepted += 1
    const of = `s${accepted}`
    const current = (): Behaviour => listeners.get(id)?.how ?? how
    const { hello, isPaused, isBrief } = current()
    const one = adopt(of, socket, current)
    if (isPaused === true) one.socket.pause()
    tell({
      tell: 'accepted',
      at: nowMs(),
      listener: id,
      id: of,
      remote: `${socket.remoteAddress}:${socket.remotePort}`
    })
    if (hello !== undefined) socket.write(hello)
    if (isBrief === true) socket.end()
  }
  const options = { allowHalfOpen: true }
  const server: Server = how.tls ? createTlsServer({ ...options, ...how.tls }, take) : createServer(options, take)
  if (how.tls) server.on('tlsClientError', () => undefined)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 4096 }, () => {
      listeners.set(id, { server, how })
      resolve(null)
    })
  })
}

function behave(id: string, how: Behaviour): null {
  const found = listeners.get(id)
  if (found !== undefined) found.how = { ...found.how, ...how }
  return null
}

function unlisten(id: string): null {
  listeners.get(id)?.server.close()
  listeners.delete(id)
  return null
}

const place = (to: Target, from?: string) => ({ ...to, ...(from !== undefined && { localAddress: from }) })

function connect(id: string, { to, from, servername, onEnd, says }: ConnectOptions): Promise<null> {
  const options = { ...place(to, from), allowHalfOpen: true }
  const socket =
    servername === undefined ? dial(options) : dialTls({ ...options, servername, rejectUnauthorized: false })
  adopt(id, socket, () => ({ onEnd: onEnd ?? 'end' }))
  if (says !== undefined) socket.write(says, 'latin1')
  return new Promise((resolve) => {
    socket.once(servername === undefined ? 'connect' : 'secureConnect', () => {
      tell({ tell: 'connected', at: nowMs(), id, local: `${socket.localAddress}:${socket.localPort}` })
      resolve(null)
    })
    socket.once('close', () => resolve(null))
  })
}

async function say(socket: Socket, text: string, everyMs?: number): Promise<null> {
  if (everyMs === undefined) {
    socket.write(text, 'latin1')
    return null
  }
  for (const byte of text) {
    socket.write(byte, 'latin1')
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  return null
}

/** The same bytes each time: what matters is that they differ from place to place. */
function block(): Buffer {
  const bytes = Buffer.alloc(BLOCK_BYTES)
  let state = 0x9e3779b9
  for (let at = 0; at < BLOCK_BYTES; at += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes.writeInt32LE(state | 0, at)
  }
  return bytes
}

async function pump(socket: Socket, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  const source = block()
  let left = bytes
  let round = 0
  while (left > 0 && !socket.destroyed) {
    round += 1
    const length = Math.min(left, 1 + ((round * 48_271) % 200_000))
    const from = (round * 7919) % (BLOCK_BYTES - length)
    const chunk = source.subarray(from, from + length)
    hash.update(chunk)
    left -= length
    if (!socket.write(chunk)) await drained(socket)
  }
  return hash.digest('hex')
}

const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
  })

async function visits(options: VisitOptions): Promise<Visit[]> {
  const results: Visit[] = []
  let begun = 0
  const worker = async (): Promise<void> => {
    while (begun < options.count) {
      begun += 1
      results.push(await visit(options))
      if (options.everyMs !== undefined) await new Promise((resolve) => setTimeout(resolve, options.everyMs))
    }
  }
  await Promise.all(Array.from({ length: options.together ?? 1 }, worker))
  return results
}

function visit({ to, from, leave, isSilent, deadlineMs = 20_000 }: VisitOptions): Promise<Visit> {
  const began = nowMs()
  const socket = dial(place(to, from))
  socket.setNoDelay(true)
  return new Promise((resolve) => {
    let said = ''
    let port = 0
    const done = (outcome: Visit['outcome']): void => {
      clearTimeout(timer)
      resolve({ said: said.split('\n')[0] ?? '', tookMs: nowMs() - began, outcome, port })
      if (leave === 'hold' && outcome === 'ok') held.add(socket)
      else if (leave === 'rst' && outcome === 'ok') socket.resetAndDestroy()
      else if (outcome === 'ok') socket.end()
      else socket.destroy()
      socket.removeListener('data', onData)
      socket.resume()
    }
    const onData = (chunk: Buffer): void => {
      said += chunk.toString('latin1')
      if (said.includes('\n')) done('ok')
    }
    const timer = setTimeout(() => done('late'), deadlineMs)
    socket.on('data', onData)
    socket.on('connect', () => {
      port = socket.localPort ?? 0
      if (isSilent === true) done('ok')
    })
    socket.on('end', () => done('eof'))
    socket.on('close', () => held.delete(socket))
    socket.on('error', (error) => {
      const ending = endingOf(error)
      done(ending === 'reset' || ending === 'refused' ? ending : 'error')
    })
  })
}

function release(how: 'fin' | 'rst'): number {
  const count = held.size
  for (const socket of held) how === 'fin' ? socket.end() : socket.resetAndDestroy()
  held.clear()
  return count
}

function syslog(address: string, port: number): Promise<null> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (message) => tell({ tell: 'datagram', at: nowMs(), text: message.toString('utf8') }))
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address, port }, () => resolve(null))
  })
}
