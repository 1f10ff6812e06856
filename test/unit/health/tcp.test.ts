import t from 'tap'
import type { CheckResult } from '../../../src/health/checker.js'
import { tcpProbe } from '../../../src/health/tcp.js'
import type { ProbeResult } from '../../../src/os/addon.js'

t.test('a TCP probe tells what the prober found', async (t) => {
  const asked: [string, number, number][] = []
  const results: CheckResult[] = []
  const answers: ProbeResult[] = [
    { code: 'L4OK', detail: '', tookMs: 0.4 },
    { code: 'L4CON', detail: 'ECONNREFUSED', tookMs: 0.2 },
    { code: 'L4TOUT', detail: '', tookMs: 1000 },
    { code: 'L4CON', detail: 'EADDRNOTAVAIL', tookMs: 0 }
  ]
  const tcp = (address: string, port: number, timeoutMs: number, done: (result: ProbeResult) => void): void => {
    asked.push([address, port, timeoutMs])
    const answer = answers.shift()
    if (answer !== undefined) done(answer)
  }
  const probe = tcpProbe({ tcp }, '10.0.0.1', 6443)
  for (let i = 0; i < 4; i++) probe(1000, (result) => results.push(result))
  t.strictSame(asked[0], ['10.0.0.1', 6443, 1000])
  t.strictSame(
    results.map(({ isOk, isRefused, code, detail }) => [isOk, isRefused, code, detail]),
    [
      [true, false, 'L4OK', ''],
      [false, true, 'L4CON', 'ECONNREFUSED'],
      [false, false, 'L4TOUT', ''],
      [false, false, 'SOCKERR', 'EADDRNOTAVAIL']
    ]
  )
})
