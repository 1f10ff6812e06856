import fc from 'fast-check'
import t from 'tap'
import { slots } from '../../../src/proxy/slots.js'
import { rotation } from '../../../src/proxy/smooth.js'
import { runs } from '../../runs.js'

const letters = (turns: readonly number[]): string => turns.map((turn) => 'abcdefgh'[turn]).join('')
const smooth = (...weights: number[]): string => letters(rotation(weights))
const fixed = (...weights: number[]): string => letters(slots(weights))
const weights = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 6 })

/** Exactly the weight's share for everybody in one cycle. */
function checkShares(all: readonly number[], turns: readonly number[]): void {
  const total = all.reduce((sum, weight) => sum + weight, 0)
  for (const [i, weight] of all.entries()) {
    const mine = turns.filter((turn) => turn === i).length
    if (total > 0 && mine * total !== weight * turns.length) throw new Error(`share of ${i}`)
  }
  if (total === 0 && turns.length > 0) throw new Error('nobody has a weight')
}

t.test('roundrobin is smooth: the order that nginx walks', async (t) => {
  t.equal(smooth(5, 1, 1), 'aabacaa')
  t.equal(smooth(1, 1, 1), 'abc')
  t.equal(smooth(2, 1), 'aba')
  t.equal(smooth(4), 'a')
  t.equal(smooth(5, 3, 1), 'abacababa')
})

t.test('a rotation is as short as the proportions allow', async (t) => {
  t.equal(smooth(100, 100, 100), 'abc')
  t.equal(smooth(50, 25), 'aba')
  t.equal(fixed(16, 16), 'ab')
})

t.test('who has no weight is left out', async (t) => {
  t.equal(smooth(0, 1, 0, 1), 'bd')
  t.equal(smooth(0, 0), '')
  t.equal(smooth(), '')
  t.equal(fixed(0, 1, 0, 1), 'bd')
  t.equal(fixed(), '')
})

t.test('everybody has a turn, however long the rotation would have to be', async (t) => {
  for (const walk of [rotation, slots]) {
    const turns = walk(Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 256 : 255)))
    t.ok(turns.length <= 4500, String(turns.length))
    t.equal(new Set(turns).size, 200)
    t.ok(walk([...Array.from({ length: 100 }, () => 256), 1]).includes(100))
  }
})

t.test('roundrobin gives everybody the share of the weight, and all along the way nearly so', async (t) => {
  fc.assert(
    fc.property(weights, (all) => {
      const turns = rotation(all)
      const total = all.reduce((sum, weight) => sum + weight, 0)
      checkShares(all, turns)
      // In any stretch from the start nobody is two turns ahead of the share, or behind it.
      for (const [i, weight] of all.entries()) {
        let so = 0
        for (const [at, turn] of turns.entries()) {
          if (turn === i) so++
          if (Math.abs(so - ((at + 1) * weight) / total) > 2) throw new Error(`${i} at ${at}`)
        }
      }
    }),
    runs(300)
  )
  t.pass()
})

t.test('static-rr is the map that haproxy 2.6 was seen to walk', async (t) => {
  t.equal(fixed(5, 3, 1), 'aabababac')
  t.equal(fixed(1, 1, 1), 'abc')
})

t.test('static-rr gives everybody exactly the share of the weight, and begins with the first', async (t) => {
  fc.assert(
    fc.property(weights, (all) => {
      const turns = slots(all)
      checkShares(all, turns)
      const first = all.findIndex((weight) => weight > 0)
      if (first >= 0 && turns[0] !== first) throw new Error('another one is first')
    }),
    runs(300)
  )
  t.pass()
})

t.test('a server that goes leaves the others their order', async (t) => {
  t.equal(smooth(1, 0, 1), 'ac')
  t.equal(smooth(5, 3, 1).replaceAll('c', ''), smooth(5, 3, 0))
})
