import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { getEvents } from '../../../src/admin/client.js'
import { metricsText } from '../../../src/admin/metrics.js'
import { AdminServer } from '../../../src/admin/server.js'
import type { Control, Status } from '../../../src/admin/status.js'
import { History } from '../../../src/base/history.js'
import { CONDITION_NAMES } from '../../../src/vrrp/conditions.js'
import { fakeControl } from '../../fakes/control.js'
import { peers, status } from '../../fakes/status.js'

/** `name{labels}` → value, and the lines that are no samples. */
function parse(text: string): { samples: Map<string, number>; comments: string[] } {
  const lines = text.trimEnd().split('\n')
  const samples = new Map<string, number>()
  for (const line of lines.filter((one) => one !== '' && !one.startsWith('#'))) {
    const match = /^([a-z][a-z0-9_]*(?:\{.*\})?) (\S+)$/.exec(line)
    if (match === null) throw new Error(`no sample: ${line}`)
    if (samples.has(match[1] ?? '')) throw new Error(`twice: ${line}`)
    samples.set(match[1] ?? '', Number(match[2]))
  }
  return { samples, comments: lines.filter((one) => one.startsWith('#')) }
}
const samplesOf = async (one: Status) => parse(await metricsText(one)).samples
const VI = 'instance="VI_1"'

t.test('the other nodes, and who was not listened to', async (t) => {
  const samples = await samplesOf({ ...status(), peers: peers() })
  t.equal(samples.get('vipd_peer_heard{peer="10.32.137.27:8405"}'), 1)
  t.equal(samples.get('vipd_peer_heard{peer="10.32.138.27:8405"}'), 0)
  t.equal(samples.get('vipd_peer_reached{peer="10.32.138.27:8405"}'), 0)
  t.equal(samples.get('vipd_peer_clients{peer="10.32.138.27:8405"}'), 12)
  t.equal(samples.get('vipd_peer_refused_total{reason="stranger"}'), 2)
  t.equal(samples.get('vipd_tickles_sent_total'), 4)
  const without = await samplesOf(status())
  t.notOk([...without.keys()].some((name) => name.startsWith('vipd_peer')))
})

t.test('the instance of the seed', async (t) => {
  const samples = await samplesOf(status())
  t.equal(samples.get('vipd_build_info{version="0.1.0",node="master01"}'), 1)
  t.equal(samples.get('vipd_healthy'), 1)
  for (const [state, value] of Object.entries({ MASTER: 1, BACKUP: 0, FAULT: 0, INIT: 0 }))
    t.equal(samples.get(`vipd_vrrp_state{${VI},state="${state}"}`), value, state)
  t.equal(samples.get(`vipd_vrrp_effective_priority{${VI}}`), 100)
  t.equal(samples.get(`vipd_vrrp_priority{${VI}}`), 100)
  t.equal(samples.get(`vipd_vrrp_advert_interval_seconds{${VI}}`), 1)
  t.equal(samples.get(`vipd_vrrp_virtual_address_held{${VI},address="10.32.255.99/32"}`), 1)
  t.equal(samples.get(`vipd_vrrp_state_since_timestamp_seconds{${VI}}`), Date.UTC(2026, 0, 2) / 1000 - 93_786)
})

t.test('every counter has its family, those with reasons a label', async (t) => {
  const one = status()
  const counted = await samplesOf({
    ...one,
    vrrp: one.vrrp.map((instance) => ({
      ...instance,
      counters: Object.assign({}, instance.counters, {
        advert_rcvd: 3,
        become_master: 2,
        rejected: { ...instance.counters.rejected, ttl: 5 },
        gna_sent: 7,
        brand_new: 8,
        by_peer: { 'a"b\\c\n': 9 },
        no_number: Number.NaN,
        odd: 'text'
      })
    }))
  })
  const value = (name: string): number | undefined => counted.get(`vipd_vrrp_${name}`)
  t.equal(value(`adverts_received_total{${VI}}`), 3)
  t.equal(value(`become_master_total{${VI}}`), 2)
  t.equal(value(`rejected_total{${VI},reason="ttl"}`), 5)
  t.equal(value(`rejected_total{${VI},reason="length"}`), 0, 'there before anything happened')
  t.equal(value(`gna_sent_total{${VI}}`), 7)
  t.equal(value(`brand_new_total{${VI}}`), 8)
  t.equal(value(`by_peer_total{${VI},reason="a\\"b\\\\c\\n"}`), 9, 'escaped')
  for (const name of ['adverts_sent', 'release_master', 'priority_zero_received', 'priority_zero_sent', 'garp_sent'])
    t.equal(value(`${name}_total{${VI}}`), 0, name)
  for (const name of ['address_readded', 'stalled']) t.equal(value(`${name}_total{${VI}}`), 0, name)
  t.notOk([...counted.keys()].some((name) => /odd|no_number/.test(name)))
})

t.test('every condition has its sample, 1 for those that are so', async (t) => {
  const one = status()
  const withConditions = (names: readonly { name: string }[]): Status => ({
    ...one,
    vrrp: one.vrrp.map((instance) => Object.assign({}, instance, { conditions: names }))
  })
  const value = (samples: Map<string, number>, name: string) =>
    samples.get(`vipd_vrrp_condition{${VI},condition="${name}"}`)
  const calm = await samplesOf(withConditions([]))
  for (const name of CONDITION_NAMES) t.equal(value(calm, name), 0, name)
  const sick = await samplesOf(withConditions([{ name: 'two-masters' }, { name: 'ttl' }, { name: 'ttl' }]))
  for (const name of CONDITION_NAMES) t.equal(value(sick, name), ['two-masters', 'ttl'].includes(name) ? 1 : 0, name)
})

t.test('services, servers and ourselves', async (t) => {
  const samples = await samplesOf(status())
  const service = 'service="https-apiserver"'
  const expected = {
    [`vipd_proxy_listening{${service}}`]: 1,
    [`vipd_proxy_sessions{${service}}`]: 824,
    [`vipd_proxy_sessions_max{${service}}`]: 1500,
    [`vipd_proxy_sessions_limit{${service}}`]: 20_000,
    [`vipd_proxy_sessions_total{${service}}`]: 2_409_102,
    [`vipd_proxy_bytes_in_total{${service}}`]: 1,
    [`vipd_proxy_timeouts_total{${service},side="connect"}`]: 0,
    [`vipd_proxy_aborts_total{${service},side="server"}`]: 0,
    [`vipd_proxy_server_up{${service},server="apiserver01"}`]: 1,
    [`vipd_proxy_server_up{${service},server="apiserver03"}`]: 0,
    [`vipd_proxy_server_status{${service},server="apiserver03",status="DOWN"}`]: 1,
    [`vipd_proxy_server_sessions{${service},server="apiserver01"}`]: 412,
    [`vipd_proxy_server_bytes_out_total{${service},server="apiserver01"}`]: 98_765_432_100,
    [`vipd_proxy_server_check_seconds{${service},server="apiserver02"}`]: 5,
    vipd_uptime_seconds: 93_790,
    process_resident_memory_bytes: 3,
    process_open_fds: 4,
    vipd_event_loop_delay_p99_seconds: 0.001,
    vipd_event_loop_delay_max_seconds: 0.002,
    vipd_data_plane_alive: 1,
    vipd_worker_threads: 2,
    vipd_netlink_overruns_total: 0
  }
  for (const [name, value] of Object.entries(expected)) t.equal(samples.get(name), value, name)
})

t.test('every number of a service, a server and the log is told under its name', async (t) => {
  const one = status()
  const samples = await samplesOf({
    ...one,
    log: {
      sessions: 301,
      sessions_dropped: 302,
      lines_dropped: 303,
      syslog: [{ target: '127.0.0.1:514', sent: 304, waiting: 305, dropped: 306, error: null }]
    },
    proxy: one.proxy.map((service) => ({
      ...service,
      serving: 'fail-open',
      queued: 101,
      refused: 102,
      denied: 103,
      source_limited: 104,
      malformed: 105,
      accept_pauses: 106,
      timeouts: { connect: 107, client: 108, server: 109, queue: 110, handshake: 111 },
      aborts: { client: 112, server: 113 },
      rebalance: { max_skew: 1.5, per_minute: 6, skew: 1.75, asked: 114 },
      servers: service.servers.slice(0, 1).map((server) => ({
        ...server,
        serving: true,
        backup: true,
        weight: 201,
        effective_weight: 50.25,
        maxconn: 202,
        retries: 203,
        redispatches: 204,
        connect_errors: 205,
        failures_in_row: 206,
        killed: 207
      }))
    }))
  })
  const of = (name: string, labels = ''): number | undefined =>
    samples.get(`vipd_proxy_${name}{service="https-apiserver"${labels}}`)
  const counted = [
    'queued',
    'refused_total',
    'denied_total',
    'source_limited_total',
    'malformed_total',
    'accept_pauses_total'
  ]
  t.strictSame(
    counted.map((name) => of(name)),
    [101, 102, 103, 104, 105, 106]
  )
  t.strictSame(
    ['connect', 'client', 'server', 'queue', 'handshake'].map((side) => of('timeouts_total', `,side="${side}"`)),
    [107, 108, 109, 110, 111]
  )
  t.strictSame([of('aborts_total', ',side="client"'), of('aborts_total', ',side="server"')], [112, 113])
  t.strictSame([of('rebalance_asked_total'), of('rebalance_skew')], [114, 1.75])
  t.strictSame(
    ['active', 'backup', 'fail-open', 'none'].map((choice) => of('serving', `,choice="${choice}"`)),
    [0, 0, 1, 0]
  )
  const server = (name: string) => of(`server_${name}`, ',server="apiserver01"')
  t.strictSame(
    ['weight', 'sessions_limit', 'retries_total', 'redispatches_total', 'connect_errors_total'].map(server),
    [201, 202, 203, 204, 205]
  )
  t.strictSame([server('failures_in_row'), server('killed_total'), server('effective_weight')], [206, 207, 50.25])
  t.strictSame([server('serving'), server('backup')], [1, 1])
  t.equal(of('server_check', ',server="apiserver01",result="L4OK"'), 1)
  t.strictSame(
    ['sessions_total', 'sessions_dropped_total', 'lines_dropped_total'].map((name) => samples.get(`vipd_log_${name}`)),
    [301, 302, 303]
  )
  t.strictSame(
    ['sent_total', 'waiting', 'dropped_total'].map((name) =>
      samples.get(`vipd_syslog_${name}{target="127.0.0.1:514"}`)
    ),
    [304, 305, 306]
  )
})

t.test('a server without checks has no latency', async (t) => {
  const one = status()
  const samples = await samplesOf({
    ...one,
    proxy: one.proxy.map((service) => ({ ...service, servers: service.servers.map((s) => ({ ...s, check: null })) }))
  })
  t.notOk([...samples.keys()].some((name) => name.startsWith('vipd_proxy_server_check_seconds')))
})

t.test('two instances share families, each described once, counters named _total', async (t) => {
  const one = status()
  const [first] = one.vrrp
  if (first === undefined) throw new Error('no instance')
  const { samples, comments } = parse(
    await metricsText({ ...one, vrrp: [first, { ...first, name: 'VI_2', state: 'FAULT' }] })
  )
  t.equal(samples.get('vipd_vrrp_state{instance="VI_2",state="FAULT"}'), 1)
  t.equal(samples.get('vipd_vrrp_state{instance="VI_1",state="FAULT"}'), 0)
  t.equal(samples.get('vipd_healthy'), 0)
  t.equal(new Set(comments).size, comments.length)
  for (const line of comments.filter((comment) => comment.startsWith('# TYPE')))
    t.match(line, /^# TYPE \w+_total counter$|^# TYPE (?!\w+_total )\w+ gauge$/)
})

t.test('one scrape leaves nothing behind for the next', async (t) => {
  const first = await metricsText(status())
  t.equal(await metricsText(status()), first)
})

const history = new History()
history.add({ at: '2026-01-02T00:00:00.000Z', level: 'info', scope: 'daemon', event: 'started', facts: {} })
history.add({
  at: '2026-01-02T00:00:01.000Z',
  level: 'info',
  scope: 'vrrp',
  instance: 'VI_1',
  event: 'x',
  facts: { a: 1 }
})

async function serve(t: Test, overrides: Partial<Control> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  const control = fakeControl({ events: (since) => history.since(since), ...overrides })
  const server = new AdminServer(control, () => undefined)
  t.teardown(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const path = join(folder, 'vipd.sock')
  await server.listenUnix(path)
  const probe = createServer()
  const port = await new Promise<number>((resolve) => {
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
  await server.listenTcp('127.0.0.1', port)
  return { path, url: `http://127.0.0.1:${port}` }
}

t.test('metrics are served as text over TCP', async (t) => {
  const { url } = await serve(t)
  const answer = await fetch(`${url}/metrics`)
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const text = await answer.text()
  t.equal(text, await metricsText(status()))
  t.ok(text.endsWith('\n') && !text.endsWith('\n\n'), 'one line end at the end')
  t.equal((await fetch(`${url}/metrics`, { method: 'POST' })).status, 404)
})

t.test('a status that cannot be told is JSON and 500 here too', async (t) => {
  const { url } = await serve(t, { status: () => Promise.reject(new Error('no counters')) })
  const answer = await fetch(`${url}/metrics`)
  t.equal(answer.status, 500)
  t.strictSame(await answer.json(), { error: 'no counters' })
})

t.test('events are told on the unix socket alone, from a number on', async (t) => {
  const { path, url } = await serve(t)
  t.strictSame(await getEvents(path, 0), history.since(0))
  t.match(await getEvents(path, 1), [{ seq: 2, facts: { a: 1 } }])
  t.strictSame(await getEvents(path, 2), [])
  t.equal((await fetch(`${url}/v1/events?since=0`)).status, 404)
  for (const since of [-1, 1.5, Number.NaN, 1e21])
    await t.rejects(getEvents(path, since), { message: /^since must be the number/ }, String(since))
})
