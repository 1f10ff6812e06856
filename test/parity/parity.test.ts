import t from 'tap'
import { sweepDeadRuns } from '../lab/namespaces.js'
import { whyNoLab } from '../lab/packages.js'
import { type Outcome, playAll } from './outcome.js'
import { terminations } from './report.js'
import { scenarios } from './scenarios.js'
import { parseTcplog, tcplogShape } from './tcplog.js'

/** The same scenarios against Debian's haproxy and against vipd. One of them alone: `npm run test:parity -- --scenario NAME`. */

t.setTimeout(590_000)
const AT_A_TIME = 5
const skip = whyNoLab(['haproxy', 'nftables']) ?? false

t.test('all 25 black-box tests and every termination state of TCP mode are among the scenarios', async (t) => {
  const cases = new Set(scenarios.flatMap((scenario) => scenario.cases ?? []))
  t.strictSame(
    Array.from({ length: 25 }, (_, index) => index + 1).filter((number) => !cases.has(number)),
    []
  )
  const wanted = ['--', 'CD', 'cD', 'SD', 'sD', 'CC', 'SC', 'sC', 'CQ', 'SQ', 'sQ', 'PR', 'D-', 'K-', 'U-']
  const shown = terminations(scenarios)
  t.strictSame(
    wanted.filter((code) => !shown.has(code)),
    []
  )
  t.ok(scenarios.length >= 40)
  t.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length, 'each has a name of its own')
})

t.test('a line of tcplog is read, and its shape is without what changes', async (t) => {
  const line =
    '<134>Nov 22 13:10:45 haproxy[29447]: 127.0.0.1:51086 [22/Nov/2026:13:10:44.987] fe be/s1 1/0/1001 14 sD 1/1/0/0/+3 0/0'
  const log = parseTcplog(line)
  t.match(log, { client: '127.0.0.1:51086', termination: 'sD', backend: 'be', server: 's1', bytesOut: 14, retries: 3 })
  t.equal(log?.isRedispatched, true)
  t.equal(parseTcplog(line.replace('be/s1', 'be/<NOSRV>').replace('1/0/1001', '-1/-1/0'))?.server, '')
  t.equal(parseTcplog('<129>Nov 25 02:33:49 haproxy[1]: Server app/a is DOWN'), undefined)
  t.equal(tcplogShape(line), '<134>DATE TAG[PID]: 127.0.0.1:PORT [TIME] fe be/s1 Tw/Tc/Tt 14 sD 1/1/0/0/+3 0/0')
})

t.test('scenarios', { skip, jobs: scenarios.length }, async (t) => {
  sweepDeadRuns()
  const ended = new Map<string, (outcome: Outcome) => void>()
  const outcomes = scenarios.map(({ name }) => new Promise<Outcome>((resolve) => ended.set(name, resolve)))
  const all = playAll(scenarios, ['haproxy', 'vipd'], AT_A_TIME, (outcome) => ended.get(outcome.scenario)?.(outcome))
  await Promise.all([
    all,
    ...scenarios.map(({ name, title }, index) =>
      t.test(`${name}: ${title}`, async (t) => {
        for (const side of (await outcomes[index])?.sides ?? []) {
          if (side.isSecondTry) t.comment(`${side.side}: second try, the judge was late`)
          t.strictSame(side.failures, [], side.side)
          if (side.failures.length > 0) t.comment(side.words)
        }
      })
    )
  ])
})
