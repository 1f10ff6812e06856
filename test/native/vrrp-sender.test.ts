import { openSync } from 'node:fs'
import t from 'tap'
import { until } from './bench.js'
import { block, canOpenRaw, datagram, ear, nowMs, plan, sender } from './vrrp-bench.js'

/** AdvertSender on the loopback interface: what it sends is heard by the socket that it sends by. */

t.test('a thread that sends adverts', async (t) => {
  if (!canOpenRaw(t)) return

  t.test('keeps the interval while the main loop is busy', async (t) => {
    const one = ear(t)
    const from = sender(t)
    from.prove(nowMs() + 10_000)
    const start = nowMs()
    from.plan(1, plan(one, { firstAtMs: start + 10 }))
    block(310)
    from.clear(1)
    const cleared = nowMs()
    one.socket.drain()
    const state = from.state(1)
    t.equal(one.packets.length, state?.sent, 'all that it says it has sent are there')
    t.ok(one.packets.length >= 12, `${one.packets.length} adverts in 300 ms`)
    t.ok(one.packets.length <= 1 + (cleared - start - 10) / 20, 'and not one too many')
    const times = one.packets.map((packet) => packet.receivedAtMs)
    t.ok((times[0] ?? 0) >= start + 10, 'the first not before its time')
    t.ok(Math.abs((times.at(-1) ?? 0) - (state?.lastSentAtMs ?? 0)) < 5, 'the last when it says')
    t.match(state, { heldBack: 0, ended: '', errors: 0, lastError: '' })
    t.ok((state?.worstLatenessMs ?? -1) >= 0)
  })

  t.test('does not drift', async (t) => {
    const one = ear(t)
    const from = sender(t)
    const start = nowMs() + 5
    from.prove(start + 10_000)
    from.plan(1, plan(one, { firstAtMs: start, intervalMs: 10 }))
    block(500)
    from.clear(1)
    one.socket.drain()
    const state = from.state(1)
    // On a machine that is busy it is late now and then, and starts its interval anew: then this cannot be judged.
    if ((state?.worstLatenessMs ?? 0) > 1) {
      t.pass('skipped: this machine is too busy')
      return
    }
    t.ok(one.packets.length >= 49, `${one.packets.length} adverts`)
    const off = one.packets.map((packet, nth) => packet.receivedAtMs - (start + 10 * nth))
    t.ok(
      off.every((ms) => ms >= 0 && ms < 2),
      `off by ${off.map((ms) => ms.toFixed(2))}`
    )
  })

  t.test('holds adverts back while the main loop is not proven to live, and sends one late when it is', async (t) => {
    const one = ear(t)
    const from = sender(t)
    const proven = nowMs() + 100
    from.prove(proven)
    from.plan(1, plan(one))
    block(250)
    one.socket.drain()
    const before = one.packets.length
    t.ok(before >= 3, 'it did send')
    t.ok(
      one.packets.every((packet) => packet.receivedAtMs < proven + 5),
      'and not after that moment'
    )
    t.match(from.state(1), { heldBack: 1, sent: before, ended: '' })
    const again = nowMs()
    from.prove(again + 10_000)
    await until('three more', () => one.packets.length >= before + 3)
    const late = one.packets[before]?.receivedAtMs ?? 0
    const next = one.packets[before + 1]?.receivedAtMs ?? 0
    t.ok(late >= again, 'the late one as soon as it is proven')
    t.ok(next - late >= 19, 'and the next an interval later')
    t.ok((from.state(1)?.worstLatenessMs ?? 0) > 100)
    t.equal(from.state(1)?.heldBack, 1)
  })

  t.test('says nothing more after a silence, though it is proven again', async (t) => {
    const one = ear(t)
    const from = sender(t)
    from.prove(nowMs() + 50)
    from.plan(1, plan(one, { silenceMs: 100 }))
    block(250)
    from.prove(nowMs() + 10_000)
    t.equal(from.state(1)?.ended, 'stalled', 'known at once')
    block(100)
    one.socket.drain()
    t.equal(one.packets.length, from.state(1)?.sent)
    t.ok(one.packets.length >= 1 && one.packets.length <= 4)
    from.plan(1, plan(one, { sinceMs: nowMs(), silenceMs: 1000 }))
    t.equal(from.state(1)?.ended, '', 'until it is planned anew')
    const before = one.packets.length
    await until('it speaks again', () => one.packets.length > before)
  })

  t.test('counts the silence from the advert before the plan', async (t) => {
    const one = ear(t)
    const from = sender(t)
    from.prove(nowMs() + 10_000)
    from.plan(1, plan(one, { sinceMs: nowMs() - 3000, silenceMs: 3000 }))
    from.plan(2, plan(one, { sinceMs: nowMs() - 3000, silenceMs: 4000, adverts: [[datagram(2, one.address)]] }))
    block(50)
    one.socket.drain()
    t.match(from.state(1), { ended: 'stalled', sent: 0 })
    t.equal(from.state(2)?.ended, '')
    t.ok(one.marks().length > 0 && one.marks().every((mark) => mark === 2))
  })

  t.test('sends adverts that cannot be repeated once each, and then ends', async (t) => {
    const one = ear(t)
    const from = sender(t)
    from.prove(nowMs() + 10_000)
    const adverts = [1, 2, 3].map((mark) => [datagram(mark, one.address)])
    from.plan(1, plan(one, { adverts, repeat: false }))
    await until('it has ended', () => from.state(1)?.ended === 'exhausted')
    block(50)
    one.socket.drain()
    t.strictSame(one.marks(), [1, 2, 3])
    t.match(from.state(1), { ended: 'exhausted', sent: 3 })
  })

  t.test('repeats the last advert of a plan that may be repeated', async (t) => {
    const one = ear(t)
    const from = sender(t)
    from.prove(nowMs() + 10_000)
    from.plan(1, plan(one, { adverts: [1, 2].map((mark) => [datagram(mark, one.address)]) }))
    await until('four have come', () => one.packets.length >= 4)
    t.strictSame(one.marks().slice(0, 4), [1, 2, 2, 2])
  })

  t.test('sends an advert to each of its destinations', async (t) => {
    const [one, two] = [ear(t), ear(t)]
    const from = sender(t)
    from.prove(nowMs() + 10_000)
    from.plan(1, plan(one, { adverts: [[datagram(1, one.address), datagram(2, two.address)]], repeat: false }))
    await until('both have come', () => one.packets.length === 1 && two.packets.length === 1)
    t.strictSame([...one.marks(), ...two.marks()], [1, 2])
    t.equal(from.state(1)?.sent, 1)
  })

  t.test('says at once what it is told anew', async (t) => {
    const one = ear(t)
    const from = sender(t)
    from.prove(nowMs() + 10_000)
    from.plan(1, plan(one, { intervalMs: 5000 }))
    await until('the first', () => one.packets.length === 1)
    from.plan(1, plan(one, { adverts: [[datagram(2, one.address)]] }))
    await until('three more', () => one.packets.length >= 4)
    t.strictSame(one.marks().slice(0, 4), [1, 2, 2, 2])
    t.ok((from.state(1)?.sent ?? 0) >= 4, 'counted over both plans')
  })

  t.test('says nothing from the moment it is cleared', async (t) => {
    const one = ear(t)
    const from = sender(t)
    from.prove(nowMs() + 10_000)
    for (let round = 0; round < 30; round++) {
      from.plan(1, plan(one, { intervalMs: 10 }))
      block(Math.random() * 15)
      from.clear(1)
      one.socket.drain()
      const heard = one.packets.length
      block(12)
      one.socket.drain()
      t.equal(one.packets.length, heard)
      t.equal(from.state(1)?.sent, heard)
    }
  })

  t.test('goes on by its own descriptor when the socket is closed', async (t) => {
    const [one, two] = [ear(t), ear(t)]
    const from = sender(t)
    from.prove(nowMs() + 10_000)
    from.plan(1, plan(one, { adverts: [[datagram(1, two.address)]] }))
    one.socket.close()
    // Whatever gets the number now must get no advert.
    const reused = openSync('/dev/null', 'r')
    const before = two.packets.length
    await until('it is heard elsewhere', () => two.packets.length >= before + 3)
    t.match(from.state(1), { errors: 0, ended: '' })
    t.throws(() => from.plan(2, plan(one)), { code: 'EBADF' })
    t.ok(reused > 2)
  })

  t.test('counts what the kernel refuses, and tries again', async (t) => {
    const one = ear(t)
    const from = sender(t)
    from.prove(nowMs() + 10_000)
    const since = nowMs()
    const refused = { ...datagram(1, one.address), source: '192.0.2.1' }
    from.plan(1, plan(one, { adverts: [[refused], [datagram(2, one.address)]], sinceMs: since, intervalMs: 10 }))
    await until('three tries', () => (from.state(1)?.errors ?? 0) >= 3)
    t.match(from.state(1), { sent: 0, lastSentAtMs: since, lastError: /^(EINVAL|ENETUNREACH)$/, ended: '' })
    from.plan(1, plan(one, { adverts: [[refused, datagram(3, one.address)]], repeat: false }))
    await until('the other destination hears it', () => one.packets.length === 1)
    t.match(from.state(1), { sent: 1, ended: 'exhausted' })
    t.strictSame(one.marks(), [3])
  })

  t.test('speaks for 512 instances, and for no more', async (t) => {
    // Adverts to nobody: 512 datagrams at once would be too many for the sockets of the other tests.
    const one = ear(t)
    const from = sender(t)
    from.prove(nowMs() + 10_000)
    for (let id = 0; id < 512; id++) from.plan(id, plan(one, { adverts: [[]], repeat: false }))
    t.throws(() => from.plan(512, plan(one)), { code: 'ENOSPC' })
    from.plan(511, plan(one, { adverts: [[]], repeat: false, firstAtMs: nowMs() + 60_000 }))
    from.clear(3)
    t.ok(from.state(3))
    from.plan(65_535, plan(one, { adverts: [[]], repeat: false }))
    t.equal(from.state(3), undefined, 'a cleared one is forgotten for it')
    await until('every one was sent', () => [0, 1, 2, 510, 65_535].every((id) => from.state(id)?.sent === 1))
  })

  t.test('refuses what is no plan', async (t) => {
    const one = ear(t)
    const from = sender(t, 0)
    t.equal(from.isRealTime, false)
    t.throws(() => from.plan(65_536, plan(one)), RangeError)
    t.throws(() => from.plan(1, plan(one, { adverts: [] })), RangeError)
    t.throws(() => from.plan(1, plan(one, { intervalMs: 9 })), RangeError)
    t.throws(() => from.plan(1, plan(one, { firstAtMs: Number.NaN })), RangeError)
    t.throws(() => from.plan(1, plan(one, { adverts: [[datagram(1, 'host')]] })), { code: 'EINVAL' })
    t.equal(from.state(1), undefined)
    from.close()
    from.close()
    t.throws(() => from.plan(1, plan(one)), { code: 'ESHUTDOWN' })
    from.clear(1)
    from.prove(nowMs())
    t.equal(from.state(1), undefined)
  })
})
