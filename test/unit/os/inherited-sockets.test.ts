import t from 'tap'
import { inheritedSockets } from '../../../src/os/systemd.js'

const found = (environment: Record<string, string>) => Object.fromEntries(inheritedSockets(environment, 77))

t.test('sockets that systemd hands over are known by their names; several may share one', async (t) => {
  const names = { LISTEN_PID: '77', LISTEN_FDS: '3', LISTEN_FDNAMES: 'api:web:api' }
  t.strictSame(found(names), { api: [3, 5], web: [4] })
})

t.test('those without a name are unknown, as systemd calls them', async (t) => {
  t.strictSame(found({ LISTEN_PID: '77', LISTEN_FDS: '2' }), { unknown: [3, 4] })
  t.strictSame(found({ LISTEN_PID: '77', LISTEN_FDS: '2', LISTEN_FDNAMES: 'api' }), { api: [3], unknown: [4] })
})

t.test('those of another process are not ours, and nonsense is none', async (t) => {
  t.strictSame(found({}), {})
  t.strictSame(found({ LISTEN_PID: '78', LISTEN_FDS: '1', LISTEN_FDNAMES: 'api' }), {})
  t.strictSame(found({ LISTEN_FDS: '1' }), {})
  for (const count of ['0', '-1', 'x', '', '99999999']) t.strictSame(found({ LISTEN_PID: '77', LISTEN_FDS: count }), {})
})
