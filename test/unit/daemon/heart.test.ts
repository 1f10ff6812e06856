import t from 'tap'
import { PROOF_MS, startHeart } from '../../../src/daemon/heart.js'
import { FakeSender } from '../../fakes/fake-sender.js'
import { ManualClock } from '../../fakes/manual-clock.js'

t.test('the main loop proves itself at once and then far more often than a proof lasts', async (t) => {
  const clock = new ManualClock()
  const sender = new FakeSender()
  const heart = startHeart(clock, sender, () => true)
  t.strictSame(sender.proofs, [PROOF_MS])
  await clock.advance(1000)
  t.ok(sender.proofs.length >= 5)
  t.ok(sender.proofs.every((until, i) => i === 0 || until - (sender.proofs[i - 1] ?? 0) < PROOF_MS / 2))
  heart.cancel()
  const before = sender.proofs.length
  await clock.advance(5000)
  t.equal(sender.proofs.length, before, 'a heart that was stopped proves nothing')
})

t.test('a main loop that stands still proves nothing, and does again when it goes on', async (t) => {
  const clock = new ManualClock()
  const sender = new FakeSender()
  startHeart(clock, sender, () => true)
  await clock.advance(500)
  const before = sender.proofs.length
  clock.freeze()
  await clock.advance(5000)
  t.equal(sender.proofs.length, before)
  clock.thaw()
  await clock.advance(1)
  t.equal(sender.proofs.at(-1), 5500 + PROOF_MS)
})

t.test('a data plane that stands still is no life: its adverts end with it', async (t) => {
  const clock = new ManualClock()
  const sender = new FakeSender()
  let isAlive = true
  startHeart(clock, sender, () => isAlive)
  await clock.advance(300)
  isAlive = false
  const before = sender.proofs.length
  await clock.advance(3000)
  t.equal(sender.proofs.length, before)
  isAlive = true
  await clock.advance(100)
  t.equal(sender.proofs.length, before + 1)
})

t.test('without a thread there is nobody to prove anything to', async (t) => {
  const clock = new ManualClock()
  startHeart(clock, null, () => true)
  await clock.advance(1000)
  t.equal(clock.pending, 1, 'it goes on')
})
