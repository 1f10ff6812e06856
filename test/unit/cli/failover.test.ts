import t, { type Test } from 'tap'
import type { FailoverQuery, Status } from '../../../src/admin/status.js'
import { status } from '../../fakes/status.js'
import { serve, vipd } from './vipd.js'

/** `vipd failover` against a daemon that hands over after a moment. */

const backup = (one: Status): Status => ({
  ...one,
  vrrp: one.vrrp.map((instance) => ({ ...instance, state: 'BACKUP', master: { address: '10.0.0.2', priority: 88 } }))
})

async function daemon(t: Test, looks: number): Promise<{ socket: string; asked: FailoverQuery[] }> {
  const asked: FailoverQuery[] = []
  let left = looks
  const socket = await serve(t, {
    failover: (query) => {
      asked.push(query)
      return query.instance === 'VI_9'
        ? { ok: false, error: 'there is no instance VI_9' }
        : { ok: true, instances: ['VI_1'] }
    },
    status: async () => (left-- > 0 ? status() : backup(status()))
  })
  return { socket, asked }
}

t.test('waits until another node is master, and says which', async (t) => {
  const { socket, asked } = await daemon(t, 3)
  const { code, out } = await vipd('failover', '--for', '10m', '--socket', socket)
  t.equal(code, 0)
  t.match(out, /^VI_1: 10\.0\.0\.2 is master \(\d\.\ds\), this node stays away for 10m\n$/)
  t.strictSame(asked, [{ instance: null, forMs: 600_000 }])
})

t.test('--drain waits until the addresses have no session left, or that long', async (t) => {
  const asked: FailoverQuery[] = []
  let [open, orderedAt, isBackup] = [2, -1, false]
  const socket = await serve(t, {
    failover: (query) => {
      asked.push(query)
      orderedAt = open
      isBackup = true
      return { ok: true, instances: ['VI_1'] }
    },
    status: async () => {
      const now = isBackup ? backup(status()) : status()
      const current = Math.max(0, open--)
      return { ...now, proxy: now.proxy.map((one) => ({ ...one, sessions: { ...one.sessions, current } })) }
    }
  })
  t.match(await vipd('failover', '--drain', '1m', '--socket', socket), {
    code: 0,
    out: /^2 sessions left\n1 session left\n0 sessions left\nVI_1: 10\.0\.0\.2 is master/
  })
  t.ok(orderedAt < 0, 'ordered when none was left')
  open = 1000
  isBackup = false
  t.match(await vipd('failover', '--drain', '100ms', '--socket', socket), {
    code: 0,
    out: /\n\d+ sessions left after 100ms, reset when the address goes\nVI_1: /
  })
  t.equal(asked.length, 2)
  const wrong = [
    [['--drain', 'soon'], /--drain must be a duration/],
    [['--drain', '2d'], /--drain must be a duration/],
    [['--drain', '5s', '--back'], /--drain does not belong to --back/]
  ] as const
  for (const [words, err] of wrong)
    t.match(await vipd('failover', ...words, '--socket', socket), { code: 2, err }, words.join(' '))
  t.match(
    await vipd('failover', 'VI_9', '--drain', '1m', '--socket', socket),
    { code: 0 },
    'the daemon says what it knows'
  )
  t.equal(asked.length, 3)
})

t.test('--back ends it at once', async (t) => {
  const { socket, asked } = await daemon(t, 0)
  t.match(await vipd('failover', 'VI_1', '--back', '--socket', socket), {
    code: 0,
    out: 'VI_1: takes part as configured again\n'
  })
  t.strictSame(asked, [{ instance: 'VI_1', forMs: 0 }])
})

t.test('what makes no sense, and what cannot be done, is said in a sentence', async (t) => {
  const { socket, asked } = await daemon(t, 0)
  for (const span of ['0', 'soon', '2d'])
    t.match(await vipd('failover', '--for', span, '--socket', socket), { code: 2, err: /--for must be a duration/ })
  t.strictSame(asked, [])
  t.match(await vipd('failover', 'VI_9', '--socket', socket), { code: 1, err: /there is no instance VI_9\n$/ })
})
