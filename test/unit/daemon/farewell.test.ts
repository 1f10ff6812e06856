import t from 'tap'
import type { VrrpConfig } from '../../../src/config/schema.js'
import { Farewell } from '../../../src/daemon/farewell.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const config = {
  name: 'VI_1',
  advertIntMs: 1000,
  virtualIpaddress: [{ address: '10.0.0.1' }],
  virtualIpaddressExcluded: [{ address: '10.0.0.2' }]
} as unknown as VrrpConfig

function setUp() {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const asked: { readonly addresses: readonly string[]; readonly done: (sessions: number) => void }[] = []
  let refusal: Error | undefined
  const farewell = new Farewell({
    clock,
    log,
    plane: {
      resetAt(addresses, done) {
        if (refusal !== undefined) throw refusal
        asked.push({ addresses, done })
      }
    }
  })
  const refuse = (): void => {
    refusal = new Error('EAGAIN')
  }
  return { clock, log, asked, farewell, refuse }
}

t.test('it is over when the data plane has told every client, and says how many', async (t) => {
  const { asked, farewell, log } = setUp()
  const told = farewell.tell(['10.0.0.1'])
  t.same(asked[0]?.addresses, ['10.0.0.1'])
  asked[0]?.done(3)
  await told
  t.match(log.lines, [{ level: 'info', facts: { addresses: ['10.0.0.1'], sessions: 3 } }])
})

t.test('nobody there to be told is no news', async (t) => {
  const { asked, farewell, log } = setUp()
  const told = farewell.tell(['10.0.0.1'])
  asked[0]?.done(0)
  await told
  t.same(log.lines, [])
})

t.test('a data plane that does not answer holds no address for longer than a quarter of a second', async (t) => {
  const { clock, farewell } = setUp()
  let isOver = false
  void farewell.tell(['10.0.0.1']).then(() => {
    isOver = true
  })
  await clock.advance(249)
  t.notOk(isOver)
  await clock.advance(1)
  t.ok(isOver)
})

t.test('a data plane that refuses is said, and holds nothing up', async (t) => {
  const { farewell, log, refuse } = setUp()
  refuse()
  await farewell.tell(['10.0.0.1'])
  t.match(log.lines, [{ level: 'warn', facts: { error: 'EAGAIN' } }])
})

t.test('a fault that is over in time costs no session', async (t) => {
  const { clock, asked, farewell } = setUp()
  farewell.onTransition(config, { from: 'MASTER', to: 'FAULT' })
  await clock.advance(3600)
  farewell.onTransition(config, { from: 'FAULT', to: 'BACKUP' })
  await clock.advance(3600)
  farewell.onTransition(config, { from: 'BACKUP', to: 'MASTER' })
  await clock.advance(60_000)
  t.same(asked, [])
})

t.test('a fault that lasts ends the sessions of all its addresses, once', async (t) => {
  const { clock, asked, farewell } = setUp()
  farewell.onTransition(config, { from: 'MASTER', to: 'FAULT' })
  farewell.onTransition(config, { from: 'FAULT', to: 'BACKUP' })
  await clock.advance(8999)
  t.same(asked, [])
  await clock.advance(1)
  t.same(asked[0]?.addresses, ['10.0.0.1', '10.0.0.2'])
  await clock.advance(60_000)
  t.equal(asked.length, 1)
})

t.test('who ends meanwhile tells nobody later', async (t) => {
  const { clock, asked, farewell } = setUp()
  farewell.onTransition(config, { from: 'MASTER', to: 'FAULT' })
  farewell.onTransition(config, { from: 'FAULT', to: 'INIT' })
  await clock.advance(60_000)
  t.same(asked, [])
})
