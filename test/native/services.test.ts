import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.js'
import { Services } from '../../src/daemon/services.js'
import type { CheckResult } from '../../src/health/checker.js'
import { configOf } from '../fakes/fake-node.js'
import { MemoryLog } from '../fakes/memory-log.js'
import { answered, bench, connect, freePort, portOf, serveName, until } from './bench.js'

// Services on the real data plane: what a reload, an order and a check come to for clients.

const OK: CheckResult = { isOk: true, code: 'L4OK', detail: '', tookMs: 1 }
const DEAD: CheckResult = { isOk: false, code: 'L4CON', detail: 'ECONNREFUSED', tookMs: 1 }
const UNREADY: CheckResult = { isOk: false, isAlive: true, code: 'L7STS', detail: '500', tookMs: 1 }

interface Words {
  readonly name?: string
  readonly port: number
  readonly servers: Readonly<Record<string, number>>
  readonly more?: string
}

const yaml = (...services: readonly Words[]): string =>
  `proxy:\n${services
    .map(({ name = 'api', port, servers, more = '' }) => {
      const list = Object.entries(servers).map(([who, at]) => `{ name: ${who}, address: "127.0.0.1:${at}" }`)
      return `  - { name: ${name}, bind: [ "127.0.0.1:${port}" ], balance_factor: 0, ${more}default_server: { check: { inter: 50ms, fall: 2 } }, servers: [ ${list.join(', ')} ] }\n`
    })
    .join('')}`

/** Services whose servers all are ready until the test says otherwise of their port. */
async function run(t: Test, ...first: readonly Words[]) {
  const { plane } = bench(t)
  const found = new Map<number, CheckResult>()
  const services: Services = new Services(1000, {
    clock: systemClock,
    log: new MemoryLog(),
    plane,
    random: () => 0.5,
    today: () => new Date(),
    inherited: new Map(),
    onChange: () => undefined,
    probe: (check) => (_, done) => done(found.get(check.port) ?? OK),
    agentProbe: () => (_, done) => done(OK)
  })
  const inForce = (): Promise<unknown> =>
    new Promise((resolve) => plane.sessions({ service: -1, server: -1, quietMs: 0, most: 0 }, resolve))
  services.configure(configOf(yaml(...first)))
  services.start()
  t.teardown(() => services.stop(new Set()))
  const statusOf = (name: string) =>
    services.snapshots(plane.counters()).flatMap(({ servers }) => servers.filter((one) => one.name === name))[0]
  const reload = async (...all: readonly Words[]): Promise<void> => {
    services.configure(configOf(yaml(...all)))
    await inForce()
  }
  await until('all are UP', () => services.snapshots(plane.counters()).every(({ serving }) => serving === 'active'))
  await systemTurn()
  await inForce()
  return { plane, services, found, reload, statusOf, inForce }
}

/** What is published once all that came was read is published. */
const systemTurn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

async function serversOf(t: Test, ...names: readonly string[]): Promise<Record<string, number>> {
  const all = await Promise.all(names.map((name) => serveName(t, name)))
  return Object.fromEntries(names.map((name, i) => [name, portOf(all[i] ?? raise('no server'))]))
}
const raise = (what: string): never => {
  throw new Error(what)
}

/** Who answers so many connections, in order. */
async function asked(t: Test, port: number, times: number): Promise<string> {
  let answers = ''
  for (let i = 0; i < times; i++) answers += (await answered(t, port)).text()
  return answers
}

/** Asks again and again, one client at a time, until one is answered so. */
function isAnswered(t: Test, port: number, name: string): () => boolean {
  let client = connect(t, port)
  return () => {
    if (client.text() === name) return true
    if (client.text() !== '' || client.socket.closed) client = connect(t, port)
    return false
  }
}

/** Still there, both ways. */
async function echoes(client: ReturnType<typeof connect>, word: string): Promise<void> {
  client.socket.write(word)
  await until(`${word} comes back`, () => client.text().endsWith(word))
}

t.test('servers come and go by a reload, and no session notices', async (t) => {
  const { a = 0, b = 0, c = 0 } = await serversOf(t, 'a', 'b', 'c')
  const port = await freePort()
  const { reload, services, plane, inForce } = await run(t, { port, servers: { a, b } })
  const session = await answered(t, port)
  t.equal(session.text(), 'a')
  await reload({ port, servers: { b, c } })
  await systemTurn()
  await inForce()
  t.match(await asked(t, port, 6), /^(bc){3}|(cb){3}$/)
  await echoes(session, 'still')
  const leaving = () => {
    services.look(plane.counters())
    return services.snapshots(plane.counters())[0]?.leaving ?? []
  }
  t.match(leaving(), [{ name: 'a', sessions: 1 }])
  session.socket.destroy()
  await until('the removed one has gone', () => leaving().length === 0)
  const counters = plane.counters().services[0]
  t.equal(counters?.total, 7, 'the counters of the service go on')
})

t.test(
  'a listener moves by a reload: the new one is there before the old one closes, sessions of either go on',
  async (t) => {
    const servers = await serversOf(t, 'a')
    const [port, other] = [await freePort(), await freePort()]
    const { reload, services } = await run(t, { port, servers })
    const session = await answered(t, port)
    await reload({ port: other, servers })
    t.strictSame(services.faults, [])
    t.equal(await asked(t, other, 1), 'a')
    t.equal(await connect(t, port).over, 'ECONNREFUSED')
    await echoes(session, 'still')
  }
)

t.test('a listener that somebody else has is a fault, and the old one stays; freed, it is taken', async (t) => {
  const servers = await serversOf(t, 'a')
  const somebody = await serveName(t, 'somebody else')
  const taken = portOf(somebody)
  const port = await freePort()
  const { reload, services } = await run(t, { port, servers })
  await reload({ port: taken, servers })
  t.match(services.faults, [/another program listens there/])
  t.equal(await asked(t, port, 1), 'a')
  somebody.close()
  await until('it listens there', () => services.faults.length === 0)
  t.equal(await asked(t, taken, 1), 'a')
})

t.test('a listener that moves from one service to another is free for it a moment later', async (t) => {
  const { a = 0, b = 0 } = await serversOf(t, 'a', 'b')
  const [port, other] = [await freePort(), await freePort()]
  const { reload, services } = await run(
    t,
    { name: 'one', port, servers: { a } },
    { name: 'two', port: other, servers: { b } }
  )
  const session = await answered(t, port)
  const third = await freePort()
  await reload({ name: 'one', port: third, servers: { a } }, { name: 'two', port, servers: { b } })
  t.strictSame(services.faults, [])
  // Until the first one's listener is closed, clients may still come to it, or be refused.
  await until('two listens there', () => services.list.every((one) => one.fault === undefined))
  await until('clients get its server', isAnswered(t, port, 'b'))
  t.equal(await asked(t, third, 1), 'a')
  await echoes(session, 'still')
})

t.test('a service that is removed keeps its sessions and takes no more', async (t) => {
  const { a = 0, b = 0 } = await serversOf(t, 'a', 'b')
  const [port, other] = [await freePort(), await freePort()]
  const { reload } = await run(t, { name: 'one', port, servers: { a } }, { name: 'two', port: other, servers: { b } })
  const session = await answered(t, port)
  const neighbour = await answered(t, other)
  await reload({ name: 'two', port: other, servers: { b } })
  t.equal(await connect(t, port).over, 'ECONNREFUSED')
  await echoes(session, 'still')
  await echoes(neighbour, 'untouched')
})

t.test('drain, maintenance, readiness: what each does to sessions', async (t) => {
  const { a = 0, b = 0, c = 0 } = await serversOf(t, 'a', 'b', 'c')
  const port = await freePort()
  const { services, found, statusOf, inForce } = await run(t, { port, servers: { a, b, c } })
  const [one, two, three] = [await answered(t, port), await answered(t, port), await answered(t, port)]
  t.equal(one.text() + two.text() + three.text(), 'abc')
  services.order('api', 'a', { kind: 'state', state: 'drain' })
  found.set(b, UNREADY)
  await until('b is not ready', () => statusOf('b')?.status === 'DRAIN')
  await systemTurn()
  await inForce()
  t.equal(await asked(t, port, 3), 'ccc')
  await Promise.all([echoes(one, 'still'), echoes(two, 'still')])
  services.order('api', 'a', { kind: 'state', state: 'maint' })
  t.equal(await one.over, 'end', 'maintenance ends its sessions')
  found.set(c, DEAD)
  t.equal(await three.over, 'end', 'so does death')
  await until('c is out', () => statusOf('c')?.status === 'DOWN')
  await systemTurn()
  await inForce()
  t.equal(await asked(t, port, 2), 'bb', 'nobody is ready: who is alive serves')
  await echoes(two, 'still here')
})

t.test('rebalancing moves quiet sessions of an overloaded server, oldest first, and leaves busy ones', async (t) => {
  const { a = 0, b = 0 } = await serversOf(t, 'a', 'b')
  const port = await freePort()
  const rebalance = 'rebalance: { max_skew: 1.2, per_minute: 600, quiet: 100ms }, '
  const { services, plane, reload } = await run(t, { port, servers: { a }, more: rebalance })
  const clients: ReturnType<typeof connect>[] = []
  for (let i = 0; i < 7; i++) clients.push(await answered(t, port))
  await new Promise((resolve) => systemClock.after(50, () => resolve(undefined)))
  for (let i = 0; i < 5; i++) clients.push(await answered(t, port))
  const busy = clients[0] ?? raise('no client')
  const chatter = setInterval(() => busy.socket.write('.'), 20)
  t.teardown(() => clearInterval(chatter))
  await reload({ port, servers: { a, b }, more: rebalance })
  const closed = () => clients.filter(({ socket }) => socket.readableEnded).length
  await until('some are closed', () => {
    services.look(plane.counters())
    return closed() >= 6
  })
  t.equal(busy.socket.readableEnded, false)
  t.ok(
    clients.slice(1, 7).every(({ socket }) => socket.readableEnded),
    'the oldest quiet ones'
  )
  t.equal(services.snapshots(plane.counters())[0]?.rebalance?.asked, 6)
})
