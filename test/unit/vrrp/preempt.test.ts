import t from 'tap'
import { electionYaml, instanceYaml } from '../../fakes/fake-election.js'
import { packet, stream, world } from './fixtures.js'

const SKEW_100 = (156 * 1000) / 256
const one = (priority: number, lines = '') => electionYaml(instanceYaml(priority, lines))

/** A backup of priority 100 that starts when a stranger's adverts of this priority have begun. */
async function beside(priority: number, lines: string) {
  const { time, lan, add } = world()
  let said = priority
  const end = stream(time, 1000, () => lan.inject(packet({ priority: said })))
  const a = await add().run(one(100, lines))
  const say = (priority: number): void => {
    said = priority
  }
  return { time, lan, a, end, say }
}

t.test(
  'without a delay a lower master is deposed after the master-down time, although its adverts go on',
  async (t) => {
    const { time, a } = await beside(50, '')
    await time.advance(5000)
    t.equal(a.transitions.at(-1)?.at, (a.transitions[0]?.at ?? 0) + 3000 + SKEW_100)
    t.equal(a.role(), 'MASTER')
  }
)

t.test('nopreempt leaves it alone for ever, and replaces it when it falls silent', async (t) => {
  const { time, a, end } = await beside(50, 'preempt: false')
  await time.advance(60_000)
  t.equal(a.role(), 'BACKUP')
  end()
  await time.advance(3700)
  t.equal(a.role(), 'MASTER')
})

t.test('preempt_delay starts with the first lower advert, and then the master-down time goes by', async (t) => {
  const { time, lan, a } = await beside(50, 'preempt_delay: 20s')
  await time.advance(20_000)
  t.equal(a.role(), 'BACKUP')
  t.equal(lan.adverts('a').length, 0)
  await time.advance(5000)
  t.equal(a.role(), 'MASTER')
  const at = a.transitions.at(-1)?.at ?? 0
  const overAt = 1000 + 20_000
  t.ok(at > overAt && at <= overAt + 3000 + SKEW_100, `${at}`)
})

t.test(
  'a master of equal or higher priority cancels the delay: it starts anew with the next lower advert',
  async (t) => {
    for (const priority of [100, 101]) {
      const { time, a, say } = await beside(50, 'preempt_delay: 20s')
      await time.advance(15_500)
      say(priority)
      await time.advance(1000)
      say(50)
      await time.advance(19_000)
      t.equal(a.role(), 'BACKUP', `${priority}: 35 s after the first, 19 after the second beginning`)
      await time.advance(6000)
      t.equal(a.role(), 'MASTER')
    }
  }
)

t.test('a master that dies, or says so, is replaced at once whatever the delay', async (t) => {
  const dead = await beside(50, 'preempt_delay: 1000s')
  await dead.time.advance(10_500)
  dead.end()
  await dead.time.advance(3200)
  t.equal(dead.a.role(), 'MASTER', 'silent')
  const gone = await beside(50, 'preempt_delay: 1000s')
  await gone.time.advance(10_500)
  gone.end()
  gone.lan.inject(packet({ priority: 0 }))
  await gone.time.advance(700)
  t.equal(gone.a.role(), 'MASTER', 'resigned')
  t.equal(gone.a.transitions.at(-1)?.at, 10_500 + (gone.time.now - 11_200) + SKEW_100)
})

t.test('a delay that ran before a fault starts from the beginning after it', async (t) => {
  const { time, a } = await beside(50, 'preempt_delay: 20s')
  await time.advance(18_000)
  a.faults = ['x']
  a.look()
  a.faults = []
  a.look()
  await time.advance(19_000)
  t.equal(a.role(), 'BACKUP')
  await time.advance(6500)
  t.equal(a.role(), 'MASTER')
})

t.test('the owner of the addresses does not wait for a master to fall silent when it starts', async (t) => {
  const { time, a } = await (async () => {
    const { time, lan, add } = world()
    stream(time, 1000, () => lan.inject(packet({ priority: 254 })))
    return { time, a: await add().run(one(255)) }
  })()
  await time.advance(1)
  t.equal(a.role(), 'MASTER')
  t.equal(a.transitions.at(-1)?.at, a.transitions[0]?.at, 'in the same millisecond')
})

t.test('the owner’s priority is touched neither by what it tracks nor by its proxy', async (t) => {
  const { time, add } = world()
  const a = await add().run(one(255))
  await time.advance(10)
  a.tier = 'nothing'
  a.trackedOf = () => [{ label: 'script x', state: 'down', weight: -100, value: 0, detail: '' }]
  a.look()
  t.equal(a.instance().snapshot().effective_priority, 255)
  t.equal(a.role(), 'MASTER')
})

t.test('down_timer_adverts is the number of intervals of silence before a master is down', async (t) => {
  for (const adverts of [1, 2, 3, 7]) {
    const { time, lan, add } = world()
    const a = await add().run(one(100, `down_timer_adverts: ${adverts}`))
    lan.inject(packet({ priority: 200 }))
    await time.settle()
    const heardAt = time.now
    await time.advance(10_000)
    t.equal(a.transitions.at(-1)?.at, heardAt + adverts * 1000 + SKEW_100, `${adverts}`)
    t.equal(a.transitions.at(-1)?.to, 'MASTER')
    t.equal(a.instance().snapshot().counters.stalled, 0, 'and then it stays master, also by one interval alone')
  }
})

t.test(
  'an advert that lay in the socket arms the timer that much shorter: the master was alive then, not now',
  async (t) => {
    for (const lay of [0, 200, 2900, 10_000]) {
      const { time, lan, add } = world()
      const a = await add().run(one(100))
      await time.advance(500)
      lan.inject(packet({ priority: 200 }))
      const arrivedAt = time.now
      // The loop is busy and reads it so much later.
      time.skip(lay)
      await time.settle()
      const readAt = time.now
      await time.advance(5000)
      const expected = Math.max(readAt, arrivedAt + 3000 + SKEW_100)
      t.equal(a.transitions.at(-1)?.at, expected, `${lay} ms`)
    }
  }
)

t.test('so does one of priority 0', async (t) => {
  const { time, lan, add } = world()
  const a = await add().run(one(100))
  await time.advance(500)
  lan.inject(packet({ priority: 200 }))
  await time.settle()
  lan.inject(packet({ priority: 0 }))
  const arrivedAt = time.now
  time.skip(400)
  await time.advance(1000)
  t.equal(a.transitions.at(-1)?.at, arrivedAt + SKEW_100)
})

t.test('version 3 goes by the interval of the master that was heard last', async (t) => {
  const { time, lan, add } = world()
  const a = await add().run(one(100, 'version: 3'))
  lan.inject(packet({ version: 3, priority: 200, advertIntMs: 100 }))
  await time.settle()
  const heardAt = time.now
  await time.advance(1000)
  t.equal(a.transitions.at(-1)?.at, heardAt + 300 + (156 * 100) / 256)
})
