import t from 'tap'
import type { CheckResult } from '../../../src/health/checker.js'
import { advised, type Moment, observe, observeConnects, ordered, reconfigured } from '../../../src/proxy/changes.js'
import { effective, isDead, newServer, rankOf, type Server, weightOf } from '../../../src/proxy/pool.js'
import { reasonOf } from '../../../src/proxy/reasons.js'
import { result, START, serviceConfig, UNREADY, UNSURE } from '../../fakes/fake-service.js'

const at = (ms: number): Moment => ({ ms, today: new Date(START.getTime() + ms) })
const LEAVING: CheckResult = { ...UNREADY, isLeaving: true }

function server(words = '', more = ''): Server {
  const [config] = serviceConfig(`{ name: a, address: 10.0.0.1:6443${words === '' ? '' : `, ${words}`} }`, more).servers
  if (config === undefined) throw new Error('no server')
  return newServer(7, config, START)
}
const seen = (one: Server, ...results: CheckResult[]): Server =>
  results.reduce((so, next) => observe(so, next, at(1)), one)
const up = result(true)
const down = result(false)
const READY = (one: Server): Server => seen(one, up)
const agentSays = (one: Server, state: 'drain' | 'maint' | 'ready'): Server =>
  advised(one, { isOk: true, code: 'L7OK', detail: '', tookMs: 1, advice: { state } }, at(1))
const AGENT = 'agent_check: { port: 9000 }'
const told = (one: Server): string => `${effective(one)} ${rankOf(one) ?? 'none'} ${isDead(one) ? 'closed' : 'go on'}`

t.test('the truth table: what is effective, its rank among those that get connections, old sessions', async (t) => {
  const cases: readonly (readonly [string, Server, string])[] = [
    ['disabled', server('disabled: true'), 'MAINT none closed'],
    ['ordered maint, ready', ordered(READY(server()), { kind: 'state', state: 'maint' }, at(2)), 'MAINT none closed'],
    ['agent maint', agentSays(READY(server(AGENT)), 'maint'), 'MAINT none closed'],
    ['not checked yet', server(), 'DOWN none go on'],
    ['dead', seen(server(), down), 'DOWN none closed'],
    [
      'dead, ordered drain',
      ordered(seen(server(), down), { kind: 'state', state: 'drain' }, at(2)),
      'DOWN none closed'
    ],
    [
      'gone as it had said',
      seen(server(), up, LEAVING, ...Array(3).fill({ ...down, isRefused: true })),
      'DOWN none go on'
    ],
    ['drain, ready', ordered(READY(server()), { kind: 'state', state: 'drain' }, at(2)), 'DRAIN none go on'],
    ['drain, unready', ordered(seen(server(), UNREADY), { kind: 'state', state: 'drain' }, at(2)), 'DRAIN none go on'],
    ['agent drain', agentSays(READY(server(AGENT)), 'drain'), 'DRAIN none go on'],
    ['weight 0', READY(server('weight: 0')), 'DRAIN none go on'],
    ['weight 0, unready', seen(server('weight: 0'), UNREADY), 'DRAIN none go on'],
    ['weight 0, dead', seen(server('weight: 0'), down), 'DOWN none closed'],
    ['not ready', seen(server(), UNREADY), 'DRAIN 3 go on'],
    ['says that it leaves', seen(server(), up, LEAVING), 'DRAIN 3 go on'],
    ['unsure', seen(server(), UNSURE), 'DRAIN 2 go on'],
    ['ready, the last check failed', seen(server(), up, down), 'UP 1 go on'],
    ['ready', READY(server()), 'UP 0 go on'],
    ['no check', server('check: false'), 'UP 0 go on'],
    ['no check, weight 0', server('check: false, weight: 0'), 'DRAIN none go on'],
    ['no check, whatever was seen', seen(server('check: false'), down, down, down), 'UP 0 go on']
  ]
  for (const [what, one, expected] of cases) t.equal(told(one), expected, what)
})

t.test('every server that is not plainly UP says why, and what mends it', async (t) => {
  const reason = (one: Server): string | null => reasonOf(one, 'api/a', false)
  t.equal(reason(READY(server())), null)
  t.equal(reason(server()), 'not checked yet: it gets connections when its first check has passed')
  const shortage: CheckResult = { isOk: false, code: 'SOCKERR', detail: 'no socket for ICMP: EPERM', tookMs: 0 }
  t.equal(
    reason(seen(server(), shortage)),
    'not checked yet, its checks cannot be made here: no socket for ICMP: EPERM'
  )
  const unfit = { ...up, problem: 'cannot read /t: no such file' }
  t.equal(reason(seen(server(), unfit)), 'its check needs mending: cannot read /t: no such file')
  t.equal(reason(seen(server(), down)), 'found dead: L4CON ECONNREFUSED')
  t.match(reason(server('disabled: true')), /`disabled` in the configuration: `vipd server api\/a ready` brings it in/)
  const drained = ordered(READY(server()), { kind: 'state', state: 'drain' }, at(2))
  t.match(reason(drained), /by order: `vipd server api\/a ready` ends it/)
  const light = ordered(READY(server('weight: 5')), { kind: 'weight', weight: 0 }, at(2))
  t.match(reason(light), /weight 0 by order: `vipd server api\/a weight 5` ends it/)
  t.equal(reason(READY(server('weight: 0'))), 'its weight is 0')
  t.equal(reason(seen(server(), UNREADY)), 'alive, but not ready: L7STS 500')
  t.equal(reason(seen(server(), UNSURE)), 'alive, but whether it is ready is not known: L7STS 401')
  const silent = { ...UNSURE, isSilent: true, code: 'L4CON', detail: 'ECONNREFUSED' }
  t.equal(
    reason(seen(server(), silent)),
    'its check says nothing of it, so whether it is ready is not known: L4CON ECONNREFUSED'
  )
  t.match(reasonOf(seen(server(), UNREADY), 'api/a', true), /no server is ready, so it gets connections$/)
  t.match(reason(seen(server(), up, down)), /^its last check failed, others are asked first/)
  t.match(reason(seen(server(), up, LEAVING, ...Array(3).fill({ ...down, isRefused: true }))), /^gone, as it had said/)
  t.equal(reason(agentSays(READY(server(AGENT)), 'maint')), 'its agent asks for maintenance')
  t.equal(reason(agentSays(READY(server(AGENT)), 'drain')), 'its agent asks that it drains')
})

t.test('since is the moment at which the status changed, not that of the last check', async (t) => {
  const one = observe(server(), up, at(1000))
  t.strictSame(one.since, at(1000).today)
  t.strictSame(observe(one, up, at(2000)).since, at(1000).today)
  t.strictSame(observe(one, down, at(2000)).since, at(1000).today, 'one failure of three is no change')
  t.strictSame(observe(one, LEAVING, at(3000)).since, at(3000).today)
  t.strictSame(ordered(one, { kind: 'weight', weight: 9 }, at(4000)).since, at(1000).today)
})

t.test('a check that could not be made here says nothing about the server', async (t) => {
  const shortage: CheckResult = { isOk: false, code: 'SOCKERR', detail: 'EMFILE', tookMs: 0 }
  t.equal(seen(server(), shortage).verdict.status, 'UNKNOWN')
  const one = seen(server(), up, ...Array(10).fill(shortage))
  t.equal(effective(one), 'UP')
  t.equal(one.lastCheck?.code, 'SOCKERR')
})

t.test('who comes out of maintenance is checked before it serves', async (t) => {
  const maint = ordered(READY(server()), { kind: 'state', state: 'maint' }, at(2))
  t.equal(effective(ordered(maint, { kind: 'state', state: 'ready' }, at(3))), 'DOWN')
  t.equal(effective(seen(ordered(maint, { kind: 'state', state: 'ready' }, at(3)), up)), 'UP')
})

t.test('an agent is asked for advice: weight, state, limit; down takes it down, silence says nothing', async (t) => {
  const base = READY(server(`weight: 10, ${AGENT}`))
  const say = (one: Server, more: Partial<CheckResult>): Server =>
    advised(one, { isOk: true, code: 'L7OK', detail: '', tookMs: 1, advice: {}, ...more }, at(1))
  t.equal(weightOf(say(base, { advice: { weightPercent: 50 } })), 5)
  t.equal(told(say(base, { advice: { weightPercent: 0 } })), 'DRAIN none go on')
  t.equal(say(base, { advice: { maxconn: 30 } }).agent.maxconn, 30)
  const failed = say(base, { isOk: false, code: 'L7STS', detail: 'overheated' })
  t.equal(told(failed), 'DOWN none closed')
  t.equal(reasonOf(failed, 'api/a', false), 'its agent says that it is down: overheated')
  t.equal(effective(say(failed, {})), 'UP')
  t.equal(
    effective(say(failed, { advice: { weightPercent: 80 }, isSilent: true })),
    'DOWN',
    'a weight says not that it is up'
  )
  for (const code of ['L4CON', 'L4TOUT', 'L7TOUT', 'L7RSP', 'SOCKERR'])
    t.equal(effective(advised(base, { isOk: false, isSilent: true, code, detail: '', tookMs: 1 }, at(1))), 'UP', code)
  const asCheck = seen(server('check: { type: agent, port: 9000 }'), { ...up, advice: { weightPercent: 0 } })
  t.equal(told(asCheck), 'DRAIN none go on', 'the check itself may be an agent')
})

t.test('live connections that fail in a row count for error_limit; each row brings the check forward', async (t) => {
  const one = READY(server('error_limit: 4, on_error: mark-down'))
  const two = observeConnects(one, 2, at(5))
  t.equal(two.isDoubted, true)
  t.equal(effective(two.server), 'UP')
  t.equal(observeConnects(two.server, 2, at(6)).isDoubted, false, 'nothing new')
  t.equal(effective(observeConnects(two.server, 4, at(6)).server), 'DOWN')
  const anew = observeConnects(two.server, 0, at(6))
  t.equal(anew.isDoubted, false, 'one worked')
  t.equal(effective(observeConnects(anew.server, 3, at(7)).server), 'UP', 'the count began anew')
  const since = observeConnects(two.server, 1, at(7)).server
  t.equal(effective(observeConnects(since, 3, at(8)).server), 'UP', 'one worked, and three have failed since')
  t.equal(effective(observeConnects(since, 4, at(8)).server), 'DOWN')
  const unobserved = READY(server('error_limit: 1, on_error: mark-down, observe: none'))
  t.equal(effective(observeConnects(unobserved, 50, at(5)).server), 'UP')
})

t.test('on_error: each word does what it says', async (t) => {
  const after = (word: string): Server =>
    observeConnects(READY(server(`error_limit: 1, on_error: ${word}`)), 1, at(5)).server
  t.equal(after('fastinter').verdict.streak, 0)
  t.equal(after('fail-check').verdict.streak, 1)
  t.equal(after('sudden-death').verdict.streak, 2, 'the next failure of three takes it down')
  t.equal(effective(after('sudden-death')), 'UP')
  t.equal(effective(seen(after('sudden-death'), down)), 'DOWN')
  t.equal(effective(after('mark-down')), 'DOWN')
})

t.test('another configuration keeps what was seen, and ends the orders that it contradicts', async (t) => {
  const one = ordered(READY(server('weight: 5')), { kind: 'weight', weight: 7 }, at(2))
  const again = (words: string, from = one): Server => reconfigured(from, server(words).config, at(9))
  t.equal(weightOf(again('weight: 5, maxconn: 9')), 7, 'the order stands')
  t.equal(weightOf(again('weight: 6')), 6, 'the file says something new')
  t.equal(effective(again('weight: 5, check: { type: https }')), 'UP', 'another check: what was seen holds')
  t.equal(effective(again('weight: 5, disabled: true')), 'MAINT')
  const drained = ordered(one, { kind: 'state', state: 'drain' }, at(3))
  t.equal(effective(again('weight: 5', drained)), 'DRAIN', 'the order stands')
  t.equal(
    effective(reconfigured(server('check: false'), server().config, at(9))),
    'UP',
    'nobody loses a server by a check'
  )
  const disabled = server('disabled: true')
  t.equal(effective(reconfigured(disabled, server('check: false').config, at(9))), 'UP')
})
