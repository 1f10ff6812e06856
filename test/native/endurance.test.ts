import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, type Hash, randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import net from 'node:net'
import { cpus } from 'node:os'
import t, { type Test } from 'tap'
import type { DataPlaneCounters, ServiceCounters, ServiceTable } from '../../src/os/plane.js'
import { freePort, type Mode, nextLine, portOf, python, serve, table, until } from './bench.js'

const MIB = 1 << 20

/** A data plane in a process of its own, so that what it takes can be told from what the test takes. */
interface Host {
  readonly pid: number
  /** Resident, in MiB. */
  residentMiB(): number
  /** Sockets that are open. */
  sockets(): number
  counters(): Promise<DataPlaneCounters>
  service(): Promise<ServiceCounters>
  /** Records that were taken so far: how they ended, and how many never reached a server. */
  records(): Promise<{ ends: Record<string, number>; unreached: number }>
}

async function host(t: Test, mode: Mode, wanted: ServiceTable): Promise<Host> {
  const program = `
    import { addon } from ${JSON.stringify(new URL('../../src/os/addon.js', import.meta.url).href)}
    const plane = new (addon().DataPlane)({ threads: 2, mode: '${mode}', maxconn: 20000, pipes: 288 }, () => {})
    plane.publish(${JSON.stringify(wanted)})
    const ends = {}
    let unreached = 0
    const take = () => {
      for (const record of plane.records(100000)) {
        ends[record.termination] = (ends[record.termination] ?? 0) + 1
        if (record.connectMs < 0) unreached++
      }
    }
    setInterval(take, 10)
    process.on('message', (what) => {
      take()
      process.send(what === 'counters' ? plane.counters() : { ends, unreached })
    })
    process.on('disconnect', () => process.exit())
    process.send('ready')
  `
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 2, 2, 'ipc']
  })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'message')
  const pid = child.pid ?? 0
  const ask = async (what: string): Promise<unknown> => {
    child.send(what)
    return ((await once(child, 'message')) as [unknown])[0]
  }
  const counters = (): Promise<DataPlaneCounters> => ask('counters') as Promise<DataPlaneCounters>
  return {
    pid,
    residentMiB: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
    sockets: () => {
      const folder = `/proc/${pid}/fd`
      return readdirSync(folder).filter((fd) => readlinkSync(`${folder}/${fd}`).startsWith('socket:')).length
    },
    counters,
    service: async () => {
      const [service] = (await counters()).services
      if (!service) throw new Error('no service')
      return service
    },
    records: () => ask('records') as ReturnType<Host['records']>
  }
}

const NOISE = randomBytes(4 * MIB)

/** Sends so many bytes in pieces of random size, and FIN; resolves with their digest. */
async function send(socket: net.Socket, bytes: number, hash: Hash): Promise<string> {
  for (let left = bytes; left > 0; ) {
    const size = Math.min(left, randomInt(8) === 0 ? randomInt(1, 100) : randomInt(1, MIB))
    const at = randomInt(NOISE.length - size)
    const part = NOISE.subarray(at, at + size)
    hash.update(part)
    left -= size
    if (!socket.write(part)) await once(socket, 'drain')
  }
  socket.end()
  return hash.digest('hex')
}

/** Reads to the FIN, with a rest now and then if it is slow; resolves with the digest. */
async function receive(socket: net.Socket, isSlow: boolean, hash: Hash): Promise<string> {
  socket.on('data', (chunk) => {
    hash.update(chunk)
    if (!isSlow || randomInt(200) !== 0) return
    socket.pause()
    setTimeout(() => socket.resume(), 20)
  })
  await once(socket, 'end')
  return hash.digest('hex')
}

for (const mode of ['copy', 'splice'] as const) {
  t.test(`${mode}: a gibibyte passes unchanged, and little memory is taken for it`, async (t) => {
    const sessions = 8
    const each = (512 * MIB) / sessions
    const theirs: Promise<string[]>[] = []
    const server = await serve(t, (socket) => {
      socket.once('readable', () => {
        // The first byte says which session this is.
        const index = (socket.read(1) as Buffer)[0] ?? 0
        // Some say all before they listen to the end, some answer when they have heard all.
        const heard = receive(socket, index % 4 === 1, createHash('sha256'))
        const said =
          index % 4 === 2
            ? heard.then(() => send(socket, each, createHash('sha256')))
            : send(socket, each, createHash('sha256'))
        theirs[index] = Promise.all([heard, said])
      })
    })
    const port = await freePort()
    const plane = await host(t, mode, table(port, [portOf(server)]))
    const warm = net.connect({ port, host: '127.0.0.1' })
    warm.end(Buffer.concat([Buffer.from([sessions]), NOISE]))
    warm.resume()
    await once(warm, 'close')
    const before = plane.residentMiB()
    let most = before
    const sampler = setInterval(() => {
      most = Math.max(most, plane.residentMiB())
    }, 20)
    t.teardown(() => clearInterval(sampler))
    const began = performance.now()
    await Promise.all(
      Array.from({ length: sessions }, async (_, index) => {
        const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
        await once(socket, 'connect')
        socket.write(Buffer.from([index]))
        const [heard, said] = await Promise.all([
          receive(socket, index % 4 === 0, createHash('sha256')),
          send(socket, each, createHash('sha256'))
        ])
        t.same(await theirs[index], [said, heard], `session ${index}`)
      })
    )
    clearInterval(sampler)
    const { bytesIn, bytesOut } = await plane.service()
    t.equal(bytesIn, NOISE.length + 1 + 512 * MIB + sessions)
    t.equal(bytesOut, 512 * MIB + each)
    const { bytesSpliced } = await plane.counters()
    t.equal(bytesSpliced, mode === 'splice' ? bytesIn + bytesOut : 0)
    t.ok(most - before < 20, `${(most - before).toFixed(1)} MiB more`)
    t.comment(`${Math.round(performance.now() - began)} ms, ${before.toFixed(0)} to ${most.toFixed(0)} MiB`)
  })
}

/** A server: echoes, and of those who say so resets some. */
const SERVER = `
import ctypes, os, random, selectors, socket, struct
RESET = struct.pack('ii', 1, 0)
def serve(listener):
    listener.setblocking(False)
    all = selectors.EpollSelector()
    all.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in all.select():
            if key.fileobj is listener:
                for _ in range(64):
                    try: client, _ = listener.accept()
                    except BlockingIOError: break
                    client.setblocking(False)
                    all.register(client, selectors.EVENT_READ)
                continue
            client = key.fileobj
            try:
                data = client.recv(65536)
                if data[:1] == b'r' and random.random() < 0.3:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    data = b''
                if data:
                    client.send(data)
                    continue
            except BlockingIOError: continue
            except OSError: pass
            all.unregister(client)
            client.close()
listeners = []
for _ in range(3):
    s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(4096); listeners.append(s)
for s in listeners[1:]:
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, 9)  # ends with its parent
        serve(s)
print(' '.join(str(s.getsockname()[1]) for s in listeners), flush=True)
serve(listeners[0])
`

/** Clients that connect and leave, and clients that reset at any moment; each process counts for itself. */
const CLIENTS = (port: number, leave: number, die: number, processes: number): string => `
import ctypes, os, random, socket, struct, time
RESET = struct.pack('ii', 1, 0)
noise = os.urandom(1 << 20)
def connect(i):
    s = socket.socket()
    s.settimeout(20)
    s.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    s.bind(('127.0.1.%d' % (1 + i % 8), 0))
    s.connect(('127.0.0.1', ${port}))
    return s
def leave(i):
    s = connect(i)
    kind = i % 10
    if kind < 5:
        s.send(b'x')
        got = s.recv(16)
        assert got == b'x', (got, i)
    if kind > 3 and kind < 7:
        s.shutdown(socket.SHUT_WR)
        assert s.recv(16) == b''
    s.close()
def die(i):
    s = connect(i)
    kind = random.randrange(6)
    try:
        if kind > 0: s.send(b'r' * random.randrange(1, 5000))
        if kind == 2: s.recv(4096)
        if kind == 3:
            s.setblocking(False)
            for _ in range(random.randrange(1, 4)): s.send(noise)
        if kind == 4: s.shutdown(socket.SHUT_WR)
        if kind == 5: time.sleep(random.random() / 500)
    except OSError: pass
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    s.close()
children = []
for p in range(${processes}):
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(1, 9)  # ends with its parent
        random.seed(p)
        order = [leave] * ${leave / processes} + [die] * ${die / processes}
        random.shuffle(order)
        for i, one in enumerate(order): one(i)
        os._exit(0)
    children.append(pid)
print('started', flush=True)
print(sum(os.waitpid(pid, 0)[1] != 0 for pid in children), flush=True)
`

/** Connections in CLOSE-WAIT with one of the ports at either end. */
function closeWaiting(ports: readonly number[]): string[] {
  const hex = ports.map((port) => port.toString(16).toUpperCase().padStart(4, '0'))
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .filter((line) => {
      const [, local, remote, state] = line.trim().split(/\s+/)
      return state === '08' && hex.some((port) => local?.endsWith(port) || remote?.endsWith(port))
    })
}

for (const [mode, leave, die] of [
  ['copy', 50_000, 10_000],
  ['splice', 50_000, 10_000]
] as const) {
  t.test(`${mode}: ${leave + die} connections come, leave and die, and nothing of them is left`, async (t) => {
    const { line } = await python(t, SERVER)
    const ports = line.split(' ').map(Number)
    const port = await freePort()
    const plane = await host(t, mode, table(port, ports, { backlog: 4096, sessionLog: 'errors', balanceFactor: 125 }))
    for (let i = 0; i < 20; i++) {
      const warm = net.connect({ port, host: '127.0.0.1' })
      warm.end('x')
      warm.resume()
      await once(warm, 'close')
    }
    const before = { sockets: plane.sockets(), resident: plane.residentMiB() }
    const began = performance.now()
    const { child } = await python(t, CLIENTS(port, leave, die, 4))
    t.equal(await nextLine(child), '0', 'every client was served as it wanted')
    let service = await plane.service()
    const deadline = performance.now() + 10_000
    // The last clients may have gone before they were accepted: they count as well.
    const isOver = (): boolean => service.current === 0 && service.total === leave + die + 20
    while (!isOver() && performance.now() < deadline) service = await plane.service()
    t.equal(service.current, 0)
    await until('no descriptor is left', () => plane.sockets() <= before.sockets + 2, 5_000).catch(() => {})
    t.ok(plane.sockets() <= before.sockets + 2, `${before.sockets} sockets before, ${plane.sockets()} after`)
    t.same(closeWaiting([port, ...ports]), [])
    // Nobody is lost on the way: accepted, reached a server, or told of in a record.
    const { ends, unreached } = await plane.records()
    const reached = service.servers.reduce((sum, server) => sum + server.total, 0)
    t.equal(service.total, leave + die + 20)
    t.equal(service.total, reached + unreached)
    t.equal((await plane.counters()).recordsDropped, 0)
    t.equal(service.aborts.client, (ends['CD'] ?? 0) + (ends['CL'] ?? 0) + (ends['CC'] ?? 0))
    t.equal(service.aborts.server, ends['SD'] ?? 0)
    for (const server of service.servers) t.match(server, { current: 0, failuresInRow: 0 })
    t.ok((ends['CD'] ?? 0) > die / 20 && (ends['SD'] ?? 0) > 0, JSON.stringify(ends))
    t.ok(plane.residentMiB() - before.resident < 20, `${before.resident} to ${plane.residentMiB()} MiB`)
    t.comment(`${Math.round(performance.now() - began)} ms on ${cpus().length} cores, ${JSON.stringify(ends)}`)
  })
}
