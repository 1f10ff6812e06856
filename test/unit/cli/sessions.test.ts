import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { arrange, sessionLines, withRates } from '../../../src/cli/session-table.js'
import { killOf } from '../../../src/cli/sessions.js'
import type { SessionView } from '../../../src/proxy/session-view.js'
import { serve, vipd } from './vipd.js'

const session = (overrides: Partial<SessionView> = {}): SessionView => ({
  id: '0x1f',
  state: 'established',
  client: '192.0.2.7:51086',
  listener: '10.32.255.99:8443',
  service: 'https-apiserver',
  backend: 'https-apiserver',
  server: 'apiserver01',
  local: '10.32.137.20:40100',
  age_ms: 93_784_000,
  idle_ms: 999,
  bytes_in: 1536,
  bytes_out: 98_765_432,
  ...overrides
})

t.test('sessions are a table, the oldest first, with how many there are more', async (t) => {
  const others = [
    session({
      id: '0x2a',
      client: '[2001:db8::7]:51086',
      state: 'connecting',
      age_ms: 1000,
      bytes_in: 0,
      bytes_out: 0
    }),
    session({ id: '0x2b', client: 'unix', state: 'queued', server: null, backend: 'other', age_ms: 10 })
  ]
  t.equal(
    sessionLines({ sessions: [session(), ...others], total: 3 }),
    `ID    AGE    IDLE  CLIENT               SERVER                       STATE          IN    OUT
0x1f  1d 2h  0s    192.0.2.7:51086      https-apiserver/apiserver01  established  1.5K  94.2M
0x2a  1s     0s    [2001:db8::7]:51086  https-apiserver/apiserver01  connecting      0      0
0x2b  0s     0s    unix                 https-apiserver → other/-    queued       1.5K  94.2M
`
  )
  t.match(sessionLines({ sessions: [session()], total: 900 }), /\n1 of 900: --limit shows more\n$/)
  t.equal(sessionLines({ sessions: [], total: 0 }), 'no sessions\n')
})

t.test('rates are what passed between two looks; a new session has its own age as the time', async (t) => {
  const before = [session({ id: '0x1', age_ms: 10_000, bytes_in: 100, bytes_out: 1000 })]
  const after = [
    session({ id: '0x1', age_ms: 12_000, bytes_in: 300, bytes_out: 5000 }),
    session({ id: '0x2', age_ms: 500, bytes_in: 50, bytes_out: 0 })
  ]
  const rows = withRates(before, after)
  t.match(rows, [
    { in_per_s: 100, out_per_s: 2000 },
    { in_per_s: 100, out_per_s: 0 }
  ])
  t.match(sessionLines({ sessions: rows, total: 2 }), /^ID .* IN\/s {2}OUT\/s\n0x1 .* 100 {3}2\.0K\n0x2 .* 100 {6}0\n$/)
})

t.test('sorted by what is largest, of one client alone', async (t) => {
  const rows = [
    session({ id: '0x1', client: '192.0.2.7:1', idle_ms: 5, bytes_out: 9 }),
    session({ id: '0x2', client: '192.0.2.70:1', idle_ms: 9, bytes_out: 5 }),
    session({ id: '0x3', client: '[2001:db8::7]:1', idle_ms: 1, bytes_out: 7 })
  ]
  const ids = (client: string | undefined, sort: 'idle' | 'out'): string[] =>
    arrange(rows, client, sort).map(({ id }) => id)
  t.strictSame(ids(undefined, 'idle'), ['0x2', '0x1', '0x3'])
  t.strictSame(ids(undefined, 'out'), ['0x1', '0x3', '0x2'])
  t.strictSame(ids('192.0.2.7:', 'idle'), ['0x1'])
  t.strictSame(ids('192.0.2.', 'idle'), ['0x2', '0x1'])
  t.strictSame(ids('2001:db8', 'idle'), ['0x3'])
})

t.test('sessions of the program', { jobs: 2 }, async (t) => {
  t.test('shown, by service and server, as JSON', async (t) => {
    const asked: unknown[] = []
    const socket = await serve(t, {
      sessions: async (query) => {
        asked.push(query)
        return { ok: true, sessions: [session()], total: 1 }
      }
    })
    t.match(await vipd('sessions', '--socket', socket), { code: 0, out: /^ID .*\n0x1f /, err: '' })
    await vipd('sessions', '--service', 'api', '--limit', '5', '--socket', socket)
    const twice = ['--socket', '/none', '--server', 'api/a2', '--json']
    const json = await vipd('sessions', ...twice, '--server', 'api/a1', '--json', '--socket', socket)
    t.strictSame(JSON.parse(json.out), { sessions: [session()], total: 1 })
    t.strictSame(asked, [
      { service: null, server: null, limit: 100 },
      { service: 'api', server: null, limit: 5 },
      { service: 'api', server: 'a1', limit: 100 }
    ])
  })
  t.test('ended: how many, and which were none', async (t) => {
    const asked: unknown[] = []
    const socket = await serve(t, {
      killSessions: async (query) => {
        asked.push(query)
        return query.kind === 'ids' ? { ok: true, ended: 1, unknown: ['0x2a'] } : { ok: true, ended: 412, unknown: [] }
      }
    })
    t.strictSame(await vipd('sessions', 'kill', '0x1f', '0x2a', '--socket', socket), {
      code: 1,
      out: '1 session ended\n',
      err: 'vipd: no such session: 0x2a\n'
    })
    t.strictSame(await vipd('sessions', 'kill', '--server', 'api/a1', '--socket', socket), {
      code: 0,
      out: '412 sessions ended\n',
      err: ''
    })
    t.strictSame(asked, [
      { kind: 'ids', ids: [31, 42] },
      { kind: 'server', service: 'api', server: 'a1' }
    ])
  })
  t.test('wrong usage: 2; no daemon: 1; help: 0', async (t) => {
    for (const words of [['list'], ['kill', '31'], ['--server', 'api'], ['--limit', 'all']]) {
      const { code, out, err } = await vipd('sessions', ...words)
      t.equal(code, 2, words.join(' '))
      t.equal(out, '')
      t.match(err, /^vipd: .*\n$/)
    }
    const none = join(tmpdir(), 'vipd-none.sock')
    t.match(await vipd('sessions', '--socket', none), { code: 1, err: /^vipd: vipd is not running here: .*\n$/ })
    t.match(await vipd('sessions', '--help'), { code: 0, err: '' })
  })
})

t.test('words after kill', async (t) => {
  const of = (words: { ids?: string[]; service?: string; server?: string }) =>
    killOf({ ids: words.ids, service: words.service, server: words.server })
  t.strictSame(of({ ids: ['0x1F'] }), { ids: ['0x1F'] })
  t.strictSame(of({ ids: [], server: 'api/a1' }), { service: 'api', server: 'a1' })
  for (const words of [
    {},
    { ids: [] },
    { ids: ['31'] },
    { ids: ['0x1', 'x'] },
    { ids: ['0x1'], server: 'api/a1' },
    { server: 'api' },
    { service: 'api' }
  ])
    t.type(of(words), 'string', JSON.stringify(words))
})
