import t from 'tap'
import { SessionRecorder } from '../../../src/daemon/session-recorder.js'
import type { DataPlaneCounters, SessionRecord } from '../../../src/os/plane.js'
import { configOf } from '../../fakes/fake-node.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

process.env['TZ'] = 'UTC'

const record = (id: number, overrides: Partial<SessionRecord> = {}): SessionRecord => ({
  id,
  service: 0,
  backend: 0,
  server: 0,
  client: '192.0.2.7:51086',
  listener: '10.0.0.9:8443',
  local: '10.0.0.1:40100',
  bytesIn: 7,
  bytesOut: 14,
  acceptedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  queueMs: 0,
  connectMs: 1,
  totalMs: 2,
  termination: '--',
  retries: 0,
  isRedispatched: false,
  connections: [1, 1, 1, 1],
  queued: [0, 0],
  ...overrides
})

const configure = (api: string, sni = 'session_log: off') =>
  configOf(`proxy:
  - { name: api, bind: [ 10.0.0.9:8443, 'unix@/run/api.sock' ], servers: [ { name: a1, address: 10.0.0.1:6443 } ], ${api} }
  - { name: other, bind: [ 10.0.0.9:8444 ], servers: [ { name: o1, address: 10.0.0.2:6443 } ], ${sni} }
`)

/** @param costMs time that passes while a batch is fetched */
function make(costMs = 0) {
  const clock = new ManualClock()
  const log = new MemoryLog()
  const waiting: SessionRecord[] = []
  const lines: { facts: Record<string, unknown>; message: string; line: string | null }[] = []
  const batches: number[] = []
  const counters: DataPlaneCounters = {
    services: [],
    heartbeats: [],
    eventsDropped: 0,
    recordsDropped: 0,
    bytesSpliced: 0
  }
  const counted = { recordsDropped: 0, linesDropped: 0 }
  const recorder = new SessionRecorder({
    clock,
    plane: {
      records: (most) => {
        clock.time.skip(costMs)
        const batch = waiting.splice(0, most)
        batches.push(batch.length)
        return batch
      },
      counters: () => ({ ...counters, recordsDropped: counted.recordsDropped })
    },
    log: {
      warn: (facts, message) => log.warn(facts, message),
      record: (facts, message, line) => lines.push({ facts: { ...facts }, message, line }),
      get dropped() {
        return counted.linesDropped
      }
    },
    names: (service, server) => ({
      service: ['api', 'other'][service] ?? `#${service}`,
      server: server < 0 ? null : (['a1', 'o1'][server] ?? `#${server}`)
    })
  })
  const more = (count: number): void => {
    for (let i = 0; i < count; i++) waiting.push(record(i))
  }
  return { clock, log, waiting, lines, batches, recorder, counted, more }
}

t.test('a session is logged within a tenth of a second, with names for numbers', async (t) => {
  const { clock, waiting, lines, recorder } = make()
  recorder.configure(configure('session_log: all'))
  waiting.push(record(31), record(32, { backend: 1, server: -1, termination: 'SC', local: '' }))
  await clock.advance(100)
  t.match(lines, [
    {
      message: 'session ended',
      line: null,
      facts: { scope: 'session', session: '0x1f', service: 'api', server: 'a1' }
    },
    { facts: { session: '0x20', service: 'api', backend: 'other', server: null, termination: 'SC' } }
  ])
  t.equal(recorder.status({ recordsDropped: 0 }).sessions, 2)
})

t.test("haproxy's line where the service that accepted it asks for one", async (t) => {
  const { clock, waiting, lines, recorder } = make()
  recorder.configure(configure('session_log: all, log_format: tcplog', 'session_log: all'))
  waiting.push(record(1, { backend: 1, server: 1 }), record(2, { service: 1, backend: 1, server: 1 }))
  waiting.push(record(3, { client: 'unix', listener: 'unix' }))
  await clock.advance(100)
  t.strictSame(
    lines.map(({ line }) => line),
    [
      '192.0.2.7:51086 [02/Jan/2026:03:04:05.006] api other/o1 0/1/2 14 -- 1/1/0/0/0 0/0',
      null,
      'unix:2 [02/Jan/2026:03:04:05.006] api api/a1 0/1/2 14 -- 1/1/0/0/0 0/0'
    ]
  )
})

t.test('nothing is fetched where no service logs its sessions; a reload turns it on and off', async (t) => {
  const { clock, batches, recorder, waiting, lines } = make()
  recorder.configure(configure('session_log: off'))
  await clock.advance(1000)
  t.strictSame(batches, [])
  recorder.configure(configure('session_log: errors'))
  recorder.configure(configure('session_log: sampled'))
  await clock.advance(300)
  t.equal(batches.length, 3)
  waiting.push(record(1))
  recorder.configure(configure('session_log: off'))
  t.equal(lines.length, 1, 'what was there is told')
  await clock.advance(1000)
  t.equal(batches.length, 4)
})

t.test('much is fetched in batches; when 10 ms are over the main loop has its turn', async (t) => {
  const { clock, batches, recorder, more } = make(4)
  recorder.configure(configure('session_log: all'))
  more(8 * 64)
  await clock.advance(100)
  t.strictSame(batches, [64, 64, 64], 'three times 4 ms')
  await clock.advance(21)
  t.equal(batches.length, 3, 'a pause of 10 ms')
  await clock.advance(1)
  t.equal(batches.length, 6)
  await clock.advance(22)
  t.strictSame(batches.slice(6), [64, 64, 0], 'until there is no more')
  await clock.advance(99)
  t.equal(batches.length, 9)
})

t.test('what was lost is told at once, then once a minute', async (t) => {
  const { clock, log, recorder, counted } = make()
  recorder.configure(configure('session_log: off'))
  counted.recordsDropped = 5
  await clock.advance(5000)
  counted.linesDropped = 7
  counted.recordsDropped = 6
  await clock.advance(30_000)
  const told = () => log.lines.map(({ level, facts }) => [level, facts])
  t.strictSame(told(), [['warn', { sessions: 5, lines: 0 }]])
  await clock.advance(60_000)
  t.strictSame(told().slice(1), [['warn', { sessions: 1, lines: 7 }]])
  await clock.advance(600_000)
  t.equal(log.lines.length, 2, 'the same is not told again')
  t.match(recorder.status({ recordsDropped: 6 }), { sessions_dropped: 6, lines_dropped: 7 })
})

t.test('at the end what is there is logged, and no timer is left', async (t) => {
  const { clock, lines, recorder, more } = make()
  recorder.configure(configure('session_log: all'))
  more(600)
  recorder.stop()
  t.equal(lines.length, 600)
  t.equal(clock.pending, 0)
  make().recorder.stop()
})

t.test(
  'at the end everything that is there is logged, however much; a reload that comes late starts nothing',
  async (t) => {
    const { clock, lines, recorder, more } = make(1)
    recorder.configure(configure('session_log: all'))
    more(4096)
    recorder.stop()
    t.equal(lines.length, 4096)
    recorder.configure(configure('session_log: all'))
    t.equal(clock.pending, 0)
  }
)
