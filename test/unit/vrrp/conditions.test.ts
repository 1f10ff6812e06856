import t from 'tap'
import { CONDITION_NAMES, type ConditionName, Conditions, conditionOf, detailOf } from '../../../src/vrrp/conditions.js'

const NOON = Date.UTC(2026, 0, 2, 12)
const wall = (ms: number): Date => new Date(NOON + ms)
const peer = (address: string, at = 0, detail = 'd') => ({ address, detail, at: wall(at) })

t.test('a condition starts once, is counted, and says since when, of whom and what to do', async (t) => {
  const conditions = new Conditions()
  t.notOk(conditions.has('two-masters'))
  t.equal(conditions.raise(0, 'two-masters', { ...peer('10.0.0.2', 0, 'first'), mac: '02:00:00:00:00:02' }), 'new')
  t.equal(conditions.raise(1000, 'two-masters', peer('10.0.0.2', 1000, 'second')), 'known')
  t.ok(conditions.has('two-masters'))
  t.match(conditions.list(), [
    {
      name: 'two-masters',
      since: '2026-01-02T12:00:00.000Z',
      last_seen: '2026-01-02T12:00:01.000Z',
      count: 2,
      peer: { address: '10.0.0.2', mac: '02:00:00:00:00:02' },
      detail: 'second',
      mend: /Another node is master/
    }
  ])
  t.equal(conditions.list().length, 1)
})

t.test('it ends when it was not seen again for a minute, and can start anew', async (t) => {
  const conditions = new Conditions()
  conditions.raise(0, 'ttl', peer('10.0.0.2'))
  conditions.raise(30_000, 'ttl', peer('10.0.0.2', 30_000))
  t.strictSame(conditions.expire(89_999), [])
  const ended = conditions.expire(90_000)
  t.match(ended, [{ condition: { name: 'ttl', count: 2 }, lastedMs: 90_000 }])
  t.equal(ended.length, 1)
  t.strictSame(conditions.list(), [])
  t.notOk(conditions.has('ttl'))
  t.strictSame(conditions.expire(90_000), [], 'told once')
  t.equal(conditions.raise(100_000, 'ttl', peer('10.0.0.2')), 'new')
})

t.test('how long it lasts is given with it, and never shortened', async (t) => {
  const conditions = new Conditions()
  conditions.raise(0, 'one-way', { ...peer('10.0.0.2'), ttlMs: 3000 })
  conditions.raise(0, 'one-way', { ...peer('10.0.0.2'), ttlMs: 1000 })
  conditions.raise(0, 'no-adverts-heard', { detail: 'x', at: wall(0), ttlMs: Number.POSITIVE_INFINITY })
  t.strictSame(conditions.expire(2999), [])
  t.match(conditions.expire(1e12), [{ condition: { name: 'one-way' } }])
  t.match(conditions.list(), [{ name: 'no-adverts-heard', peer: null }])
})

t.test('it is cleared for one peer, for nobody in particular, or for all', async (t) => {
  const conditions = new Conditions()
  const names = (): string[] => conditions.list().map(({ name, peer }) => `${name} ${peer?.address ?? '-'}`)
  for (const address of ['10.0.0.2', '10.0.0.3']) conditions.raise(0, 'ttl', peer(address))
  conditions.raise(0, 'ttl', { address: null, detail: '', at: wall(0) })
  conditions.raise(0, 'checksum', peer('10.0.0.2'))
  t.match(conditions.clear(5, 'ttl', '10.0.0.2'), [{ condition: { peer: { address: '10.0.0.2' } }, lastedMs: 5 }])
  t.strictSame(names(), ['ttl 10.0.0.3', 'ttl -', 'checksum 10.0.0.2'])
  t.equal(conditions.clear(5, 'ttl', null).length, 1)
  t.strictSame(names(), ['ttl 10.0.0.3', 'checksum 10.0.0.2'])
  t.equal(conditions.clear(5, 'ttl').length, 1)
  t.strictSame(names(), ['checksum 10.0.0.2'])
  t.strictSame(conditions.clear(5, 'ttl'), [])
})

t.test('sixteen peers are told apart for each name; the others are counted in the last', async (t) => {
  const conditions = new Conditions()
  for (let i = 1; i <= 16; i++) t.equal(conditions.raise(i, 'foreign-vrid', peer(`10.0.0.${i}`, i, `by ${i}`)), 'new')
  for (let i = 17; i <= 1000; i++) {
    const raised = conditions.raise(i, 'foreign-vrid', { ...peer(`10.0.1.${i}`, i), mac: '02:00:00:00:00:99' })
    if (raised !== 'known') t.fail(`${i} is ${raised}`)
  }
  t.equal(conditions.list().length, 16)
  const last = conditions.list().at(-1)
  t.match(last, {
    peer: { address: '10.0.0.16', mac: null },
    count: 985,
    detail: 'by 16',
    last_seen: wall(1000).toISOString()
  })
  t.equal(conditions.raise(2000, 'ttl', peer('10.0.0.99')), 'new', 'another name has places of its own')
  t.equal(conditions.raise(2000, 'foreign-vrid', peer('10.0.0.1')), 'known')
})

t.test('a MAC that is learnt later is filled in, and not lost again', async (t) => {
  const conditions = new Conditions()
  conditions.raise(0, 'ttl', peer('10.0.0.2'))
  conditions.raise(0, 'checksum', peer('10.0.0.2'))
  conditions.raise(0, 'ttl', peer('10.0.0.3'))
  conditions.raise(0, 'no-adverts-heard', { detail: '', at: wall(0) })
  t.strictSame(conditions.withoutMac, ['10.0.0.2', '10.0.0.3'])
  conditions.setMac('10.0.0.2', '02:00:00:00:00:02')
  conditions.raise(1, 'ttl', peer('10.0.0.2'))
  t.strictSame(conditions.withoutMac, ['10.0.0.3'])
  t.strictSame(
    conditions.list().map((one) => one.peer?.mac),
    ['02:00:00:00:00:02', null, '02:00:00:00:00:02', undefined]
  )
  conditions.raise(2, 'ttl', { ...peer('10.0.0.3'), mac: '02:00:00:00:00:03' })
  t.strictSame(conditions.withoutMac, [])
})

t.test('conditions are listed oldest first', async (t) => {
  const conditions = new Conditions()
  conditions.raise(1, 'ttl', peer('10.0.0.2'))
  conditions.raise(2, 'checksum', peer('10.0.0.2'))
  conditions.raise(3, 'ttl', peer('10.0.0.1'))
  t.strictSame(
    conditions.list().map(({ name }) => name),
    ['ttl', 'checksum', 'ttl']
  )
})

t.test('every name says in a sentence what to do', async (t) => {
  for (const name of CONDITION_NAMES) {
    const conditions = new Conditions()
    conditions.raise(0, name, peer('10.0.0.2'))
    t.match(conditions.list()[0]?.mend, /^[A-Z].{40,}\.$/, name)
  }
})

t.test('which condition a refused advert is a sign of', async (t) => {
  const expected: Readonly<Record<string, ConditionName | undefined>> = {
    length: undefined,
    type: undefined,
    count: undefined,
    address: undefined,
    version: 'version-mismatch',
    checksum: 'checksum',
    vrid: 'foreign-vrid',
    ttl: 'ttl',
    interval: 'interval-mismatch',
    auth: 'password-mismatch',
    auth_type: 'password-mismatch',
    auth_missing: 'password-mismatch',
    auth_key: 'password-mismatch',
    auth_digest: 'password-mismatch',
    auth_time: 'password-mismatch',
    auth_replay: 'password-mismatch',
    peer: 'unknown-peer',
    transport: 'unknown-peer',
    nonsense: undefined,
    constructor: undefined
  }
  for (const [why, name] of Object.entries(expected)) t.equal(conditionOf(why), name, why)
  const details = Object.keys(expected).map(detailOf)
  t.equal(new Set(details).size, details.length, 'the detail tells which')
  t.equal(detailOf('nonsense'), 'nonsense')
})
