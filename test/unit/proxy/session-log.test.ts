import t from 'tap'
import type { SessionRecord } from '../../../src/os/plane.js'
import { type SessionNames, sessionFields, sessionId, tcplogLine } from '../../../src/proxy/session-log.js'

process.env['TZ'] = 'UTC'

const record = (overrides: Partial<SessionRecord> = {}): SessionRecord => ({
  id: 31,
  service: 0,
  backend: 0,
  server: 0,
  client: '127.0.0.1:51086',
  listener: '127.0.0.1:8443',
  local: '127.0.0.1:40100',
  bytesIn: 7,
  bytesOut: 14,
  acceptedAtMs: Date.UTC(2026, 10, 22, 13, 10, 44, 987),
  queueMs: 1,
  connectMs: 0,
  totalMs: 1001,
  termination: '--',
  retries: 0,
  isRedispatched: false,
  connections: [1, 1, 1, 1],
  queued: [0, 0],
  ...overrides
})
const names = (service: string, server: string | null = 's1', overrides: Partial<SessionNames> = {}): SessionNames => ({
  service,
  backend: service,
  server,
  listener: 1,
  ...overrides
})
const line = (one: SessionRecord, of: SessionNames): string => tcplogLine(one, of, new Date(one.acceptedAtMs))

t.test('lines of haproxy 2.6, to the byte', async (t) => {
  t.equal(
    line(record(), names('half')),
    '127.0.0.1:51086 [22/Nov/2026:13:10:44.987] half half/s1 1/0/1001 14 -- 1/1/0/0/0 0/0'
  )
  const at = { acceptedAtMs: Date.UTC(2026, 10, 25, 2, 10, 10, 891), bytesOut: 0 }
  const failed = { ...at, queueMs: 1, connectMs: -1, totalMs: 1000, termination: 'cC', retries: 2 }
  t.equal(
    line(record({ ...failed, client: 'unix' }), names('u')),
    'unix:1 [25/Nov/2026:02:10:10.891] u u/s1 1/-1/1000 0 cC 1/1/0/0/2 0/0'
  )
  t.match(line(record({ client: 'unix' }), names('u', 's1', { listener: 2 })), /^unix:2 \[/)
  t.equal(
    line(
      record({ ...failed, client: '[::1]:46924', totalMs: 1001, acceptedAtMs: Date.UTC(2026, 10, 25, 2, 10, 12, 895) }),
      names('six')
    ),
    '::1:46924 [25/Nov/2026:02:10:12.895] six six/s1 1/-1/1001 0 cC 1/1/0/0/2 0/0'
  )
})

t.test('what follows the date in other lines of haproxy 2.6', async (t) => {
  const rest = (one: Partial<SessionRecord>, of: SessionNames): string => line(record(one), of).split('] ')[1] ?? ''
  const failed = { connectMs: -1, bytesOut: 0 }
  t.equal(
    rest({ ...failed, totalMs: 0, termination: 'SC', retries: 3, isRedispatched: true }, names('refused_redisp')),
    'refused_redisp refused_redisp/s1 1/-1/0 0 SC 1/1/0/0/+3 0/0'
  )
  t.equal(
    rest(
      { ...failed, queueMs: -1, totalMs: 0, termination: 'SC', server: -1, connections: [2, 1, 1, 0] },
      names('nosrv', null)
    ),
    'nosrv nosrv/<NOSRV> -1/-1/0 0 SC 2/1/0/0/0 0/0'
  )
  t.equal(
    rest(
      {
        ...failed,
        queueMs: 1003,
        totalMs: 1002,
        termination: 'sQ',
        server: -1,
        connections: [2, 2, 2, 0],
        queued: [0, 1]
      },
      names('queue', null)
    ),
    'queue queue/<NOSRV> 1003/-1/1002 0 sQ 2/2/1/0/0 0/1'
  )
  t.equal(
    rest({ totalMs: 398, bytesOut: 1, termination: 'D-' }, names('markdown')),
    'markdown markdown/s1 1/0/398 1 D- 1/1/0/0/0 0/0'
  )
  t.match(rest({}, names('front', 's1', { backend: 'back' })), /^front back\/s1 /)
})

t.test('the date is filled up by zeros', async (t) => {
  const early = record({ acceptedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6) })
  t.match(line(early, names('a')), '[02/Jan/2026:03:04:05.006]')
})

t.test('the same as fields: what never was is null or left out', async (t) => {
  const fields = (one: SessionRecord, of: SessionNames) => sessionFields(one, of, new Date(one.acceptedAtMs))
  t.strictSame(
    fields(record({ retries: 1, isRedispatched: true, connections: [4, 3, 2, 1], queued: [5, 6] }), names('a')),
    {
      session: '0x1f',
      client: '127.0.0.1:51086',
      listener: '127.0.0.1:8443',
      service: 'a',
      server: 's1',
      local: '127.0.0.1:40100',
      accepted_at: '2026-11-22T13:10:44.987Z',
      termination: '--',
      queue_ms: 1,
      connect_ms: 0,
      total_ms: 1001,
      bytes_in: 7,
      bytes_out: 14,
      retries: 1,
      redispatched: true,
      connections: 4,
      service_connections: 3,
      backend_connections: 2,
      server_connections: 1,
      server_queue: 5,
      backend_queue: 6
    }
  )
  const never = fields(record({ queueMs: -1, connectMs: -1, local: '' }), names('a', null, { backend: 'b' }))
  t.match(never, { backend: 'b', server: null, queue_ms: null, connect_ms: null })
  t.notOk('local' in never)
  t.equal(sessionId(0x2_0000_0001), '0x200000001')
})
