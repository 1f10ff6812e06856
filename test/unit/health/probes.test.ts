import t from 'tap'
import type { CheckConfig } from '../../../src/config/check-schema.js'
import type { CheckResult, Probe } from '../../../src/health/checker.js'
import { Probes } from '../../../src/health/probes.js'
import { splitCommand } from '../../../src/os/exec.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { answering, httpCheck, reply, scripted } from './http-fixtures.js'

t.test('every type of check has its probe', async (t) => {
  const clock = new ManualClock()
  const pinged: string[] = []
  let closed = 0
  const probes = new Probes({
    clock,
    prober: { tcp: (_host, port, _timeoutMs, done) => done({ code: 'L4OK', detail: String(port), tookMs: 1 }) },
    run: async () => ({ ok: true, tookMs: 1, output: '' }),
    splitCommand,
    programProblem: async () => undefined,
    credentialsOf: () => ({}),
    openIcmp: () => ({ send: (_message, address) => pinged.push(address), close: () => closed++ })
  })
  const server = await scripted(
    t,
    answering(() => reply('200 OK'))
  )
  const agent = await scripted(t, (socket) => socket.end('down\n'))
  const check = (type: CheckConfig['type'], port: number, rest: Partial<CheckConfig> = {}): Probe =>
    probes.health(
      {
        type,
        host: '127.0.0.1',
        port,
        interMs: 1000,
        fastinterMs: 1000,
        downinterMs: 1000,
        rise: 2,
        fall: 3,
        spreadPercent: 0,
        timeoutMs: 1000,
        sendProxy: false,
        http: null,
        command: null,
        user: null,
        send: '',
        ...rest
      },
      { service: 's', server: 'm1' }
    )
  const once = (probe: Probe): Promise<CheckResult> =>
    new Promise((resolve) =>
      probe(1000, (result) => {
        probe.close?.()
        resolve(result)
      })
    )
  t.match(await once(check('tcp', 6443)), { isOk: true, code: 'L4OK', detail: '6443' })
  t.match(await once(check('http', server.port, { http: httpCheck })), { isOk: true, code: 'L7OK' })
  t.match(await once(check('https', agent.port, { http: { ...httpCheck, isTls: true } })), { code: 'L6RSP' })
  t.match(await once(check('exec', 1, { command: '/bin/true' })), { isOk: true, code: 'PROCOK' })
  t.match(await once(check('agent', agent.port)), { isOk: false, code: 'L7STS' })
  t.match(await once(probes.agent({ host: '127.0.0.1', port: agent.port, interMs: 1000, send: '' })), { code: 'L7STS' })
  check('icmp', 1)(1000, () => t.fail('an answer'))
  t.strictSame(pinged, ['127.0.0.1'])
  probes.close()
  t.equal(closed, 1)
  await clock.advance(2000)
})
