import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.js'
import type { Estate } from '../../../src/daemon/estate.js'
import { ESTATE, isRestarting, keep, SOCKETS } from '../../../src/daemon/keeping.js'
import { restore } from '../../../src/daemon/kept.js'
import { takeAddressLock } from '../../../src/daemon/lock.js'
import { isMarked, KEPT_MS, leaveMark, markFolder, removeMark } from '../../../src/daemon/mark.js'
import { keepsMarks, releaseMarked } from '../../../src/daemon/release.js'
import { addon } from '../../../src/os/addon.js'
import type { ExecResult } from '../../../src/os/exec.js'
import { FdStore } from '../../../src/os/fd-store.js'
import type { HandedPlane } from '../../../src/os/plane.js'

/** What waits in the service manager's store over a restart, and what the process that comes next makes of it. */

const native = addon()
const estate: Estate = { version: '0.1.0', services: [], masters: [], places: ['10.0.0.1:80'] }

/** A store that keeps copies, as systemd does, in no order. */
function setUp(t: Test, capacity = 100) {
  const [listener, a] = native.openPair()
  const [b, spare] = native.openPair()
  const handed: HandedPlane = {
    sessions: Buffer.from('records\nof sessions'),
    descriptors: [a, b],
    listeners: [{ place: '10.0.0.1:80', descriptor: listener }]
  }
  const inside = new Map<string, number[]>()
  const [to, from] = native.openPair()
  t.teardown(() => native.closeDescriptors([spare, to, from]))
  const copies = (descriptors: readonly number[]): number[] => {
    native.sendMessage(to, Buffer.from('x'), descriptors)
    return native.receiveMessage(from)?.descriptors ?? []
  }
  const store = {
    capacity,
    refusal: undefined as Error | undefined,
    put: async (name: string, descriptors: readonly number[]) => {
      inside.set(name, [...copies(descriptors).reverse(), ...(inside.get(name) ?? [])])
    },
    settled: async () => {
      if (store.refusal !== undefined) throw store.refusal
    },
    remove: async (name: string) => {
      native.closeDescriptors(inside.get(name) ?? [])
      inside.delete(name)
    }
  }
  const back: unknown[] = []
  const plane = {
    handOver: (done: (handed: HandedPlane) => void) => done(handed),
    adopt: (sessions: Buffer, descriptors: readonly number[]) => {
      back.push([sessions.toString(), descriptors.length])
      native.closeDescriptors(descriptors)
    }
  }
  const identities = [listener, a, b].map((one) => native.identityOf(one))
  const run = () => keep({ addon: native, clock: systemClock, store, plane, estate: () => estate })
  return { run, store, inside, back, identities }
}
const now = (): number => systemClock.now()

t.test('sessions and listeners come back as they were, in their order, whatever the store made of it', async (t) => {
  const { run, inside, back, identities } = setUp(t)
  t.equal(await run(), undefined)
  t.strictSame(back, [])
  const restored = restore(inside, native, now())
  if (restored.kind !== 'legacy') throw new Error(restored.kind)
  const { legacy } = restored
  t.strictSame(legacy.estate, estate)
  t.equal(legacy.sessions.toString(), 'records\nof sessions')
  t.strictSame(
    legacy.descriptors.map((one) => native.identityOf(one)),
    identities
  )
  native.closeDescriptors(legacy.descriptors)
})

t.test(
  'a store that is too small, or that does not answer: all is taken back, and nothing is left in it',
  async (t) => {
    const small = setUp(t, 1)
    t.match(await small.run(), /FileDescriptorStoreMax= is less than 2/)
    const mute = setUp(t)
    mute.store.refusal = new Error('the service manager does not answer')
    t.equal(await mute.run(), 'the service manager does not answer')
    for (const { back, inside } of [small, mute]) {
      t.strictSame(back, [['records\nof sessions', 2]])
      t.equal(inside.size, 0)
    }
  }
)

t.test('what cannot be used is refused with its reason, and closed', async (t) => {
  const all = async () => {
    const one = setUp(t)
    await one.run()
    return one
  }
  const why = (of: ReadonlyMap<string, readonly number[]>, at = now(), own = native): string => {
    const restored = restore(of, own, at)
    for (const one of [...of.values()].flat()) t.equal(native.identityOf(one), '', 'closed')
    return restored.kind === 'useless' ? restored.why : restored.kind
  }
  t.equal(restore(new Map([['api', [0]]]), native, now()).kind, 'nothing', 'sockets of somebody else')
  t.equal(why((await all()).inside, now() + KEPT_MS), 'they are too old')
  t.equal(why((await all()).inside, 0), 'they are too old', 'of another boot')
  t.equal(
    why((await all()).inside, now(), { ...native, handoverFormat: 99 }),
    'they are of format 1.1, and ours is 1.99'
  )
  const { inside: lame } = await all()
  native.closeDescriptors(native.receiveMessage(lame.get(SOCKETS)?.[0] ?? -1)?.descriptors ?? [])
  t.equal(why(lame), 'some of them are missing')
  const { inside: without } = await all()
  native.closeDescriptors(without.get(SOCKETS) ?? [])
  without.delete(SOCKETS)
  t.equal(why(without), 'some of them are missing')
  const { inside: bare } = await all()
  native.closeDescriptors(bare.get(ESTATE) ?? [])
  bare.delete(ESTATE)
  t.equal(why(bare), 'nothing says what they are')
  const { inside: cut } = await all()
  const [file = -1] = cut.get(ESTATE) ?? []
  const text = readFileSync(`/proc/self/fd/${file}`)
  for (const half of [
    text.subarray(0, -4),
    text.subarray(0, 40),
    Buffer.from('{"format":1}\n'),
    Buffer.from('null\n')
  ]) {
    const made = native.memoryFile(half)
    const restored = restore(new Map([[ESTATE, [made]]]), native, now())
    t.equal(restored.kind, 'useless', half.toString().slice(0, 30))
  }
})

t.test('only a restart is one: a stop, another unit, no answer are not', async (t) => {
  const cgroup = '1:name=systemd:/system.slice/vipd.service\n0::/\n'
  const answer = (output: string) => async (): Promise<ExecResult> => ({ ok: true, tookMs: 1, output })
  t.equal(await isRestarting(cgroup, answer('123 vipd.service restart running\n')), true)
  t.equal(await isRestarting(cgroup, answer('123 vipd.service stop    running\n')), false)
  t.equal(await isRestarting(cgroup, answer('7 other.service restart running\n')), false)
  t.equal(await isRestarting(cgroup, answer('')), false)
  t.equal(await isRestarting('0::/user.slice/session-1.scope\n', answer('1 x restart running')), false)
  const failed = async (): Promise<ExecResult> => ({
    ok: false,
    why: 'timeout',
    code: null,
    detail: '',
    output: '1 vipd.service restart running',
    tookMs: 800
  })
  t.equal(await isRestarting(cgroup, failed), false)
})

t.test('the word to `vipd release` is good for some seconds', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  t.equal(await isMarked(folder, 1000), false)
  await leaveMark(folder, 1000)
  t.equal(await isMarked(folder, 1001), true)
  t.equal(await isMarked(folder, 1000 + KEPT_MS), false)
  t.equal(await isMarked(folder, 10), false, 'of another boot')
  await leaveMark(folder, 1000.7)
  t.equal(await isMarked(folder, 1000.8), true, 'read at once it is not from the future')
  await removeMark(folder)
  await removeMark(folder)
  t.equal(await isMarked(folder, 1001), false)
})

t.test('the word is in the folder of the service, or else beside the admin socket', async (t) => {
  t.equal(markFolder({ RUNTIME_DIRECTORY: '/run/vipd' }, '/srv/other.sock'), '/run/vipd')
  t.equal(markFolder({ RUNTIME_DIRECTORY: '/run/vipd:/run/second' }, '/srv/other.sock'), '/run/vipd')
  t.equal(markFolder({ RUNTIME_DIRECTORY: '' }, '/srv/other.sock'), '/srv')
  t.equal(markFolder({}, '/srv/other.sock'), '/srv')
})

t.test('without the configuration addresses are released where the mark alone tells, and nowhere else', async (t) => {
  t.same(
    ['6.18.5', '6.1.0-18-amd64', '5.18.0', '5.17.9', '5.14.0-427.el9.x86_64', '4.19.0', 'nonsense'].map(keepsMarks),
    [true, true, true, false, false, false, false]
  )
  t.equal(
    await releaseMarked({}, '6.18.5'),
    undefined,
    'no folder of a service: a restart could not be told from a crash'
  )
  t.equal(await releaseMarked({ RUNTIME_DIRECTORY: '/run/vipd' }, '5.14.0'), undefined)
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  // Whoever gets as far as looking at addresses meets this.
  const unlock = await takeAddressLock()
  t.teardown(() => unlock?.())
  const run = () => releaseMarked({ RUNTIME_DIRECTORY: folder }, '6.18.5')
  await t.rejects(run(), { code: 'ALREADY_RUNNING' })
  await leaveMark(folder, systemClock.now())
  t.same(await run(), [], 'the next process is to find its addresses')
})

t.test('the store is there where the unit says so; it is spoken to as systemd wants it', async (t) => {
  t.equal(new FdStore(native, systemClock, { NOTIFY_SOCKET: '/x' }).capacity, 0)
  t.equal(new FdStore(native, systemClock, { VIPD_FD_STORE: '9' }).capacity, 0)
  t.equal(new FdStore(native, systemClock, { NOTIFY_SOCKET: '/x', VIPD_FD_STORE: 'many' }).capacity, 0)
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const store = new FdStore(native, systemClock, { NOTIFY_SOCKET: join(folder, 'notify'), VIPD_FD_STORE: '9' })
  t.equal(store.capacity, 9)
  await t.rejects(store.remove('x', now() + 100), /ENOENT/)
})
