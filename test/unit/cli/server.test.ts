import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Status } from '../../../src/admin/status.js'
import { type Left, leftAt, leftOf, waitForDrain } from '../../../src/cli/drain.js'
import { serverNameOf } from '../../../src/cli/names.js'
import { drainsOn, orderOf, serverLines } from '../../../src/cli/server.js'
import { NOW, status } from '../../fakes/status.js'
import { serve, vipd } from './vipd.js'

/** The fake's status with the first server as a test wants it. */
function withServer(overrides: Partial<Status['proxy'][number]['servers'][number]>): Status {
  const one = status()
  return {
    ...one,
    proxy: one.proxy.map((service) => ({
      ...service,
      servers: service.servers.map((server, i) => (i === 0 ? { ...server, ...overrides } : server))
    }))
  }
}

t.test('SERVICE/SERVER is two names', async (t) => {
  t.strictSame(serverNameOf('api/a1'), { service: 'api', server: 'a1' })
  for (const word of ['api', 'api/', '/a1', '', '/']) t.equal(serverNameOf(word), undefined, word)
})

t.test('without a word every server, with the reason of each that is not plainly UP', async (t) => {
  const one = withServer({
    status: 'DRAIN',
    admin: 'drain',
    weight: 100,
    effective_weight: 12.5,
    reason: `drains by order: \`vipd server https-apiserver/apiserver01 ready\` ends it ${'and more '.repeat(9)}`.trim()
  })
  t.equal(
    serverLines(one, NOW),
    `SERVER                       STATUS  FOR         WEIGHT  SESSIONS
https-apiserver/apiserver01  DRAIN   1d 2h  12.5 of 100       412
    drains by order: \`vipd server https-apiserver/apiserver01 ready\` ends it and more and more and
    more and more and more and more and more and more and more
https-apiserver/apiserver02  UP      1d 2h            1       412
https-apiserver/apiserver03  DOWN    1m 1s            1         0
    found dead: L4CON ECONNREFUSED
`
  )
  t.equal(serverLines({ proxy: [] }, NOW), 'no service is configured\n')
})

t.test('what is left of a drain', async (t) => {
  const name = { service: 'https-apiserver', server: 'apiserver01' }
  t.strictSame(leftOf(withServer({ admin: 'drain' }), name), { kind: 'sessions', count: 412 })
  t.match(leftOf(status(), name), { kind: 'over', why: /ready/ })
  const { proxy } = status()
  const removed = proxy.map((one) => ({
    ...one,
    servers: [],
    leaving: [{ name: 'apiserver01', since_s: 1, sessions: 3 }]
  }))
  t.strictSame(leftOf({ proxy: removed }, name), { kind: 'sessions', count: 3 })
  t.strictSame(leftOf({ proxy: [] }, name), { kind: 'sessions', count: 0 })
})

/** Waits with what is left at each look, a second apart. */
async function wait(looks: readonly Left[], timeoutMs: number, isTerminal: boolean) {
  let [now, at, out] = [0, 0, '']
  const drained = await waitForDrain(timeoutMs, {
    left: async () => looks[Math.min(at++, looks.length - 1)] ?? { kind: 'sessions', count: 0 },
    now: () => now,
    sleep: async (ms) => {
      now += ms
    },
    write: (text) => {
      out += text
    },
    isTerminal
  })
  return { drained, out, now }
}
const left = (count: number): Left => ({ kind: 'sessions', count })

t.test('what is left at the addresses of an instance: of the services that listen there, or everywhere', async (t) => {
  const [vrrp, proxy] = [status().vrrp, status().proxy]
  const at = (bind: string, names = ['VI_1']): Left =>
    leftAt({ vrrp, proxy: proxy.map((one) => ({ ...one, bind: [bind] })) }, names)
  const all = proxy[0]?.sessions.current
  t.ok(all !== undefined && all > 0)
  for (const bind of ['10.32.255.99:8443', '0.0.0.0:8443', '[::]:8443'])
    t.strictSame(at(bind), { kind: 'sessions', count: all }, bind)
  for (const bind of ['10.32.255.9:8443', '10.32.137.20:8443', 'unix@/run/api.sock'])
    t.strictSame(at(bind), { kind: 'sessions', count: 0 }, bind)
  t.strictSame(at('10.32.255.99:8443', []), { kind: 'sessions', count: 0 })
  const six = vrrp.map((one) => ({ ...one, virtual_ipaddress: [{ address: 'fd00::99/128', held: true }] }))
  const service = proxy.map((one) => ({ ...one, bind: ['[fd00::99]:8443'] }))
  t.strictSame(leftAt({ vrrp: six, proxy: service }, ['VI_1']), { kind: 'sessions', count: all })
})

t.test('a drain is waited for until nothing is left', async (t) => {
  t.strictSame(await wait([left(3), left(3), left(1), left(0)], 60_000, false), {
    drained: { kind: 'drained' },
    out: '3 sessions left\n1 session left\n0 sessions left\n',
    now: 3000
  })
  t.strictSame(await wait([left(2), left(0)], 60_000, true), {
    drained: { kind: 'drained' },
    out: '\r\x1b[K2 sessions left\r\x1b[K0 sessions left\n',
    now: 1000
  })
})

t.test('and not for ever, nor when it is over', async (t) => {
  const late = await wait([left(2)], 2500, false)
  t.equal(late.now, 2500)
  t.strictSame(late.drained, { kind: 'late', words: '2 sessions left' })
  t.equal(
    drainsOn('api/a1', 2500, '2 sessions left'),
    '2 sessions left after 3s, api/a1 drains on: `vipd sessions --server api/a1` shows them, `vipd sessions kill --server api/a1` ends them'
  )
  const over: Left = { kind: 'over', why: 'it is ready' }
  t.match(await wait([left(2), over], 60_000, true), { drained: over, out: /left\n$/ })
})

t.test('orders of the program', { jobs: 2 }, async (t) => {
  t.test('what became of it is printed', async (t) => {
    const asked: unknown[] = []
    const socket = await serve(t, {
      orderServer: (name, order) => {
        asked.push([name.service, name.server, order])
        return { ok: true, status: 'DRAIN', detail: 'drains by order; 3 sessions left' }
      }
    })
    t.strictSame(await vipd('server', 'api/a1', 'drain', '--socket', socket), {
      code: 0,
      out: 'api/a1: DRAIN, drains by order; 3 sessions left\n',
      err: ''
    })
    t.equal((await vipd('server', 'api/a1', 'weight', '0', '--socket', socket)).code, 0)
    t.strictSame(asked, [
      ['api', 'a1', { kind: 'state', state: 'drain' }],
      ['api', 'a1', { kind: 'weight', weight: 0 }]
    ])
  })
  t.test('--wait ends when nothing is left, and fails when it does not end in time', async (t) => {
    let current = 2
    const socket = await serve(t, {
      status: async () => withServer({ admin: 'drain', sessions: { current: current--, total: 9 } }),
      orderServer: () => ({ ok: true, status: 'DRAIN', detail: '' })
    })
    const words = ['server', 'https-apiserver/apiserver01', 'drain', '--wait', '--socket', socket]
    t.strictSame(await vipd(...words), {
      code: 0,
      out: 'https-apiserver/apiserver01: DRAIN\n2 sessions left\n1 session left\n0 sessions left\n',
      err: ''
    })
    current = 1000
    t.match(await vipd(...words, '--timeout', '100ms'), { code: 1, err: /^vipd: \d+ sessions left after/ })
  })
  t.test('a name that is not there: 1, by the sentence of the daemon', async (t) => {
    const socket = await serve(t, {
      orderServer: () => ({ ok: false, error: 'api has no server a9: did you mean a1?' })
    })
    t.strictSame(await vipd('server', 'api/a9', 'maint', '--socket', socket), {
      code: 1,
      out: '',
      err: 'vipd: api has no server a9: did you mean a1?\n'
    })
  })
  t.test('without a word the servers', async (t) => {
    const socket = await serve(t, {})
    t.match(await vipd('server', '--socket', socket), {
      code: 0,
      out: /^SERVER .*\nhttps-apiserver\/apiserver01 /,
      err: ''
    })
  })
  t.test('wrong usage: 2, one sentence, and nobody is asked', async (t) => {
    for (const words of [['api'], ['api/a1', 'up'], ['api/a1', 'ready', '--wait']]) {
      const { code, out, err } = await vipd('server', ...words)
      t.equal(code, 2, words.join(' '))
      t.equal(out, '')
      t.match(err, /^vipd: .*\n$/)
    }
    t.match(await vipd('server', 'api/a1', 'drain', '--wait', '--timeout', 'soon'), { code: 2, err: /--timeout/ })
  })
  t.test('no daemon: 1; help: 0', async (t) => {
    const none = join(tmpdir(), 'vipd-none.sock')
    t.match(await vipd('server', 'api/a1', 'ready', '--socket', none), { code: 1, err: /^vipd: vipd is not running/ })
    t.match(await vipd('server', '--help'), { code: 0, err: '' })
  })
})

t.test('words of an order', async (t) => {
  const of = (order?: string, weight?: string) => orderOf({ order, weight })
  t.strictSame(of('maint'), { kind: 'state', state: 'maint' })
  t.strictSame(of('weight', '256'), { kind: 'weight', weight: 256 })
  for (const words of [[], ['up'], ['drain', '3'], ['weight'], ['weight', '257'], ['weight', '-1'], ['weight', '1e1']])
    t.type(of(...words), 'string', words.join(' '))
})
