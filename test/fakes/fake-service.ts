import type { ServiceConfig } from '../../src/config/schema.js'
import type { CheckResult, Probe } from '../../src/health/checker.js'
import type { ServerCounters, ServiceCounters } from '../../src/os/plane.js'
import { Service, type ServicePorts } from '../../src/proxy/service.js'
import { configOf } from './fake-node.js'
import { FakePlane } from './fake-plane.js'
import { ManualClock } from './manual-clock.js'
import { MemoryLog } from './memory-log.js'

export const START = new Date(Date.UTC(2026, 0, 1))
export const THREE =
  '{ name: a, address: 10.0.0.1:6443 }, { name: b, address: 10.0.0.2:6443 }, { name: c, address: 10.0.0.3:6443 }'

/** A service with these servers, checked each second. */
export function serviceConfig(servers: string, more = ''): ServiceConfig {
  const [one] = configOf(`proxy:
  - name: api
    bind: [ 10.32.255.99:8443 ]
    default_server: { check: { inter: 1s, rise: 2, fall: 3 } }
    servers: [ ${servers} ]
${more}`).proxy
  if (one === undefined) throw new Error('no service')
  return one
}

export const result = (isOk: boolean, code = isOk ? 'L4OK' : 'L4CON'): CheckResult => ({
  isOk,
  code,
  detail: isOk ? '' : 'ECONNREFUSED',
  tookMs: 0.4
})
/** It answers 500, it answers 401. */
export const UNREADY: CheckResult = { isOk: false, isAlive: true, code: 'L7STS', detail: '500', tookMs: 1 }
export const UNSURE: CheckResult = {
  isOk: false,
  isAlive: true,
  isUnsure: true,
  code: 'L7STS',
  detail: '401',
  tookMs: 1
}

interface OpenProbe {
  readonly kind: 'check' | 'agent'
  readonly host: string
  readonly at: number
  readonly done: (result: CheckResult) => void
}

/** The ports of services in a test, and the probes that they have open. */
export function servicePorts(inherited: ReadonlyMap<string, readonly number[]> = new Map()) {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const plane = new FakePlane()
  const probes: OpenProbe[] = []
  const changes: number[] = []
  /** What hosts answer to every check at once; the checks of others wait for the test. */
  const standing = new Map<string, CheckResult>()
  const ask = (kind: OpenProbe['kind'], host: string, done: OpenProbe['done']): void => {
    const found = kind === 'check' ? standing.get(host) : undefined
    if (found === undefined) probes.push({ kind, host, at: clock.now(), done })
    else done(found)
  }
  const giveUp = (kind: OpenProbe['kind'], host: string): void => {
    for (const [i, one] of [...probes.entries()].reverse())
      if (one.kind === kind && one.host === host) probes.splice(i, 1)
  }
  const probe = (kind: OpenProbe['kind'], host: string): Probe =>
    Object.assign((_: number, done: OpenProbe['done']) => ask(kind, host, done), { close: () => giveUp(kind, host) })
  const ports: ServicePorts = {
    clock,
    log,
    plane,
    probe: (check) => probe('check', check.host),
    agentProbe: (agent) => probe('agent', agent.host),
    random: () => 0.5,
    today: () => new Date(START.getTime() + clock.now()),
    inherited,
    onChange: () => changes.push(clock.now())
  }
  /** Answers the open probe of a host. */
  const answer = (host: string, found: boolean | CheckResult, kind: OpenProbe['kind'] = 'check'): void => {
    const index = probes.findIndex((one) => one.host === host && one.kind === kind)
    const [open] = index < 0 ? [] : probes.splice(index, 1)
    if (open === undefined) throw new Error(`no ${kind} of ${host} is under way`)
    open.done(typeof found === 'boolean' ? result(found) : found)
  }
  /** Answers so much of them, then lets the time to the next check pass. */
  const round = async (found: boolean | CheckResult, ...hosts: string[]): Promise<void> => {
    for (const host of hosts) answer(host, found)
    await clock.advance(1000)
  }
  /** From now on these hosts answer so to every check. */
  const say = (found: boolean | CheckResult, ...hosts: string[]): void => {
    for (const host of hosts) standing.set(host, typeof found === 'boolean' ? result(found) : found)
  }
  return { ports, clock, log, plane, probes, changes, answer, round, say }
}

export const HOSTS = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] as const

/** One service, number 2, not started yet. */
export function fakeService(config: ServiceConfig, inherited?: ReadonlyMap<string, readonly number[]>) {
  const world = servicePorts(inherited)
  const place = { maxconn: 100, routes: [], isHandover: false }
  const one = new Service(2, config, place, world.ports)
  const reload = (next: ServiceConfig): void => one.configure(next, place)
  /** All three answer so to every check, until they say something else. */
  const begin = async (found: boolean | CheckResult = true): Promise<void> => {
    world.say(found, ...HOSTS)
    one.start()
    await world.clock.advance(0)
  }
  /** Who is walked, by name. */
  const walk = (): string => {
    const table = world.plane.table
    return (table?.rotation ?? []).map((index) => one.serverName(table?.servers[index]?.id ?? -1) ?? '?').join('')
  }
  const closes = (): readonly string[] => world.plane.table?.servers.map(({ closeSessions }) => closeSessions) ?? []
  return { ...world, one, reload, begin, walk, closes }
}

const SERVER: ServerCounters = {
  id: 0,
  current: 0,
  total: 0,
  bytesIn: 0,
  bytesOut: 0,
  retries: 0,
  redispatches: 0,
  connectErrors: 0,
  killed: 0,
  failuresInRow: 0
}

/** What the data plane has counted of a service, where it is not nothing. */
export const countersOf = (servers: readonly Partial<ServerCounters>[], id = 2): ServiceCounters => ({
  id,
  current: 0,
  max: 0,
  total: 0,
  bytesIn: 0,
  bytesOut: 0,
  refused: 0,
  denied: 0,
  sourceLimited: 0,
  malformed: 0,
  queued: 0,
  acceptPauses: 0,
  timeouts: { connect: 0, client: 0, server: 0, queue: 0, handshake: 0 },
  aborts: { client: 0, server: 0 },
  servers: servers.map((one, index) => ({ ...SERVER, id: index, ...one }))
})
