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
