import t from 'tap'
import { History } from '../../../src/base/history.js'
import { Narrator } from '../../../src/daemon/narrator.js'
import { conditionWords } from '../../../src/vrrp/condition-words.js'
import { configOf, vrrpConfig } from '../../fakes/fake-node.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const AT = new Date(Date.UTC(2026, 0, 2, 3, 4, 5))

function narrator() {
  const log = new MemoryLog()
  const history = new History(100)
  const told: unknown[][] = []
  const notifier = {
    tell: (...args: unknown[]) => void told.push(args),
    priorityChanged: (...args: unknown[]) => void told.push(args)
  }
  return { log, history, told, one: new Narrator({ notifier, history, log, today: () => AT }) }
}

t.test('a transition is an event of the history, and is told with the scripts of its instance', async (t) => {
  const { one, history, told } = narrator()
  const config = vrrpConfig()
  one.onTransition(config, { from: 'BACKUP', to: 'MASTER', priority: 100, reason: 'master down' })
  one.onTransition(config, { from: 'MASTER', to: 'FAULT', priority: 100, reason: 'link down' })
  one.onTransition(config, { from: 'FAULT', to: 'INIT', priority: 100, reason: 'shutdown' })
  t.match(history.since(0), [
    {
      at: AT.toISOString(),
      level: 'info',
      scope: 'vrrp',
      instance: 'VI_1',
      event: 'state',
      facts: { from: 'BACKUP', to: 'MASTER', reason: 'master down', priority: 100 }
    },
    { level: 'error', facts: { to: 'FAULT' } },
    { level: 'info', facts: { to: 'INIT' } }
  ])
  t.strictSame(told[0], [
    { kind: 'INSTANCE', name: 'VI_1', from: 'BACKUP', to: 'MASTER', priority: 100, reason: 'master down', at: AT },
    config.notify
  ])
  t.match(told[1], [{ to: 'FAULT' }])
  t.match(told[2], [{ to: 'STOP' }], 'keepalived’s word for an instance that is no more')
})

t.test('a sync group is told with its own scripts; one that is configured no more, with none', async (t) => {
  const { one, history, told, log } = narrator()
  const config = configOf(`
vrrp:
  - { name: A, interface: bond0, virtual_router_id: 1, priority: 100, virtual_ipaddress: [ 10.0.0.1 ] }
  - { name: B, interface: bond0, virtual_router_id: 2, priority: 100, virtual_ipaddress: [ 10.0.0.2 ] }
vrrp_sync_group:
  - { name: G, group: [ A, B ] }
`)
  one.configure(config)
  one.onGroup('G', 'BACKUP', 'MASTER')
  one.onGroup('GONE', 'MASTER', 'INIT')
  t.equal(told.length, 1)
  t.match(told[0], [{ kind: 'GROUP', name: 'G', from: 'BACKUP', to: 'MASTER', at: AT }, config.groups[0]?.notify ?? {}])
  t.match(history.since(0), [
    { instance: 'G', event: 'group', facts: { from: 'BACKUP', to: 'MASTER' } },
    { instance: 'GONE', event: 'group' }
  ])
  t.equal(log.said('sync group changed').length, 2)
})

t.test('another priority is told with the role', async (t) => {
  const { one, history, told } = narrator()
  one.onPriority(vrrpConfig(), 80, 'BACKUP')
  t.strictSame(told, [['VI_1', 'BACKUP', 80]])
  t.match(history.since(0), [{ event: 'priority', facts: { priority: 80 } }])
})

t.test('a condition is warned of with what to do, and told again when it is over', async (t) => {
  const { one, history, log } = narrator()
  const condition = {
    name: 'two-masters',
    since: AT.toISOString(),
    last_seen: AT.toISOString(),
    count: 1,
    peer: { address: '10.0.0.9', mac: '02:00:00:00:00:09' },
    detail: 'it advertises',
    mend: conditionWords['two-masters']
  } as const
  one.onCondition('VI_1', 'raised', condition)
  one.onCondition('VI_1', 'over', { ...condition, peer: null })
  const facts = { instance: 'VI_1', condition: 'two-masters', peer: '10.0.0.9', mac: '02:00:00:00:00:09' }
  t.match(log.said('condition raised'), [{ level: 'warn', facts: { ...facts, mend: conditionWords['two-masters'] } }])
  t.match(log.said('condition over'), [{ level: 'info', facts: { peer: null, mac: null } }])
  t.match(history.since(0), [
    { level: 'warn', event: 'condition raised', facts },
    { level: 'info', event: 'condition over' }
  ])
})
