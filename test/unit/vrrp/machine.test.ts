import fc from 'fast-check'
import t from 'tap'
import {
  type Action,
  type Event,
  initialState,
  LAST_RESORT,
  RESUMED,
  type Settings,
  type State,
  step,
  type TimerName
} from '../../../src/vrrp/machine.js'
import { runs } from '../../runs.js'

const OWN = '10.32.137.20'
const LOWER = '10.32.137.19'
const HIGHER = '10.32.137.21'
const vr: Settings = {
  version: 2,
  priority: 100,
  advertIntMs: 1000,
  preempt: true,
  preemptDelayMs: 0,
  downTimerAdverts: 3
}
const v3: Settings = { ...vr, version: 3 }
const owner: Settings = { ...vr, priority: 255 }
const init = initialState(vr)
const backup: State = { ...init, role: 'BACKUP', master: { address: HIGHER, priority: 200 } }
const master: State = { ...init, role: 'MASTER', master: { address: OWN, priority: 100 } }
const fault: State = { ...init, role: 'FAULT', faults: ['link down'] }

const heard = (priority: number, source = HIGHER, advertIntMs = 1000, ageMs = 0): Event => ({
  type: 'advert',
  source,
  own: OWN,
  priority,
  advertIntMs,
  ageMs
})
const timeout = (timer: TimerName): Event => ({ type: 'timeout', timer, own: OWN })
const faults = (...all: string[]): Event => ({ type: 'faults', faults: all })

const arm = (timer: TimerName, afterMs: number): Action => ({ do: 'arm', timer, afterMs })
const cancel = (timer: TimerName): Action => ({ do: 'cancel', timer })
const report = (from: State['role'], to: State['role'], reason: string): Action => ({ do: 'report', from, to, reason })
const advertise = (priority = 100): Action => ({ do: 'advertise', priority })
const cancelAll: Action[] = [cancel('masterDown'), cancel('advert'), cancel('preemptDelay')]
const sendNow: Action[] = [advertise(), arm('advert', 1000)]
const takeOver: Action[] = [cancel('masterDown'), ...sendNow, { do: 'hold' }, report('BACKUP', 'MASTER', 'master down')]
/** keepalived's higher_prio_send_advert: the winner announces after the loser's last gratuitous ARP. */
const lastWord: Action = { do: 'advertise', priority: 100 }
const stepBack = (reason: string, afterMs = 3609.375): Action[] => [
  cancel('advert'),
  { do: 'release' },
  arm('masterDown', afterMs),
  report('MASTER', 'BACKUP', reason)
]
const leaveMaster = (to: 'INIT' | 'FAULT', reason: string): Action[] => [
  advertise(0),
  { do: 'release' },
  ...cancelAll,
  report('MASTER', to, reason)
]

const rows: readonly [what: string, vr: Settings, from: State, event: Event, role: State['role'], actions: Action[]][] =
  [
    [
      'at its start waits for three adverts and the skew, whatever its priority',
      vr,
      init,
      faults(),
      'BACKUP',
      [arm('masterDown', 3609.375), report('INIT', 'BACKUP', 'start')]
    ],
    [
      'at its start with a fault is in FAULT',
      vr,
      init,
      faults('link down'),
      'FAULT',
      [...cancelAll, report('INIT', 'FAULT', 'link down')]
    ],
    [
      'that owns the address waits for nobody',
      owner,
      init,
      faults(),
      'BACKUP',
      [arm('masterDown', 0), report('INIT', 'BACKUP', 'start')]
    ],
    [
      'takes over when the master falls silent: advert first, then the address',
      vr,
      backup,
      timeout('masterDown'),
      'MASTER',
      takeOver
    ],
    [
      'that hears priority 0 as backup takes over after its skew alone',
      vr,
      backup,
      heard(0),
      'BACKUP',
      [arm('masterDown', 609.375)]
    ],
    [
      'that hears a higher priority as backup waits anew',
      vr,
      backup,
      heard(200),
      'BACKUP',
      [arm('masterDown', 3609.375)]
    ],
    [
      'that hears its own priority as backup waits anew, from a higher address',
      vr,
      backup,
      heard(100, HIGHER),
      'BACKUP',
      [arm('masterDown', 3609.375)]
    ],
    [
      'that hears its own priority as backup waits anew, from a lower address too',
      vr,
      backup,
      heard(100, LOWER),
      'BACKUP',
      [arm('masterDown', 3609.375)]
    ],
    ['that hears a lower priority as backup moves no timer', vr, backup, heard(99), 'BACKUP', []],
    [
      'that does not preempt obeys a lower priority',
      { ...vr, preempt: false },
      backup,
      heard(3),
      'BACKUP',
      [arm('masterDown', 3609.375)]
    ],
    ['that is backup ignores a stray advert timer', vr, backup, timeout('advert'), 'BACKUP', []],
    [
      'of version 3 adopts the interval of its master',
      v3,
      backup,
      heard(200, HIGHER, 2000),
      'BACKUP',
      [arm('masterDown', 6000 + (156 * 2000) / 256)]
    ],
    [
      'of version 2 keeps its own interval',
      vr,
      backup,
      heard(200, HIGHER, 2000),
      'BACKUP',
      [arm('masterDown', 3609.375)]
    ],
    ['as master sends when its advert timer fires', vr, master, timeout('advert'), 'MASTER', sendNow],
    ['as master ignores a stray master-down timer', vr, master, timeout('masterDown'), 'MASTER', []],
    ['as master answers priority 0 at once', vr, master, heard(0, LOWER), 'MASTER', [...sendNow, { do: 'announce' }]],
    [
      'as master answers a lower priority at once, and announces',
      vr,
      master,
      heard(99),
      'MASTER',
      [...sendNow, { do: 'announce' }]
    ],
    [
      'as master answers its own priority from a lower address at once',
      vr,
      master,
      heard(100, LOWER),
      'MASTER',
      [...sendNow, { do: 'announce' }]
    ],
    [
      'as master yields to a higher priority by one last advert, not by priority 0',
      vr,
      master,
      heard(101, LOWER),
      'BACKUP',
      [lastWord, ...stepBack('higher priority heard')]
    ],
    [
      'as master yields to its own priority from a higher address',
      vr,
      master,
      heard(100, HIGHER),
      'BACKUP',
      [lastWord, ...stepBack('same priority, higher address heard')]
    ],
    [
      'as master that does not preempt yields to a higher priority all the same',
      { ...vr, preempt: false },
      master,
      heard(101),
      'BACKUP',
      [lastWord, ...stepBack('higher priority heard')]
    ],
    [
      'as master that hears its own address warns and goes on',
      vr,
      master,
      heard(100, OWN),
      'MASTER',
      [{ do: 'warn', about: 'own-address', source: OWN }]
    ],
    [
      'of version 3 that yields waits by the interval it heard',
      v3,
      master,
      heard(200, HIGHER, 2000),
      'BACKUP',
      [lastWord, ...stepBack('higher priority heard', 6000 + (156 * 2000) / 256)]
    ],
    [
      'compares addresses as numbers, not as text',
      vr,
      master,
      heard(100, '9.255.255.255'),
      'MASTER',
      [...sendNow, { do: 'announce' }]
    ],
    [
      'as master that gets a fault leaves by priority 0, once',
      vr,
      master,
      faults('link down', 'deaf'),
      'FAULT',
      leaveMaster('FAULT', 'link down, deaf')
    ],
    ['as master that gets no fault goes on', vr, master, faults(), 'MASTER', []],
    [
      'as backup that gets a fault leaves in silence',
      vr,
      backup,
      faults('link down'),
      'FAULT',
      [...cancelAll, report('BACKUP', 'FAULT', 'link down')]
    ],
    ['in FAULT that gets other faults stays', vr, fault, faults('other'), 'FAULT', []],
    [
      'in FAULT whose last fault clears waits the whole master-down time',
      vr,
      fault,
      faults(),
      'BACKUP',
      [arm('masterDown', 3609.375), report('FAULT', 'BACKUP', 'healthy again')]
    ],
    [
      'in FAULT that owns the address is back at once',
      owner,
      fault,
      faults(),
      'BACKUP',
      [arm('masterDown', 0), report('FAULT', 'BACKUP', 'healthy again')]
    ],
    ['in FAULT hears nothing', vr, fault, heard(1), 'FAULT', []],
    ['in FAULT does not take over', vr, fault, timeout('masterDown'), 'FAULT', []],
    ['not yet started hears nothing', vr, init, heard(1), 'INIT', []],
    [
      'as master that is shut down says so by priority 0',
      vr,
      master,
      { type: 'shutdown' },
      'INIT',
      leaveMaster('INIT', 'shutdown')
    ],
    [
      'as backup that is shut down says nothing',
      vr,
      backup,
      { type: 'shutdown' },
      'INIT',
      [...cancelAll, report('BACKUP', 'INIT', 'shutdown')]
    ],
    [
      'as master that was away steps back and sends nothing, priority 0 neither',
      vr,
      master,
      { type: 'stalled' },
      'BACKUP',
      stepBack('stalled')
    ],
    [
      'as an owner that was away steps back too, and waits',
      owner,
      master,
      { type: 'stalled' },
      'BACKUP',
      stepBack('stalled', 3003.90625)
    ],
    ['as backup that was away goes on', vr, backup, { type: 'stalled' }, 'BACKUP', []]
  ]

for (const [what, settings, from, event, role, actions] of rows) {
  t.test(`a router ${what} (${from.role})`, async (t) => {
    const next = step(settings, from, event)
    t.strictSame(next.actions, actions)
    t.equal(next.state.role, role)
  })
}

t.test('what it knows of the master follows what it hears', async (t) => {
  t.strictSame(step(vr, backup, heard(200, LOWER)).state.master, { address: LOWER, priority: 200 })
  t.strictSame(step(vr, backup, heard(99, LOWER)).state.master, { address: LOWER, priority: 99 })
  t.equal(step(vr, backup, heard(0)).state.master, null)
  t.strictSame(step(vr, backup, timeout('masterDown')).state.master, { address: OWN, priority: 100 })
  t.equal(step(vr, master, faults('x')).state.master, null)
})

t.test('the interval that was adopted is forgotten on becoming master and on leaving FAULT', async (t) => {
  const adopted = step(v3, backup, heard(200, HIGHER, 5000)).state
  t.equal(adopted.masterIntervalMs, 5000)
  t.equal(step(v3, adopted, heard(0)).actions.length, 1)
  t.strictSame(step(v3, adopted, heard(0)).actions, [arm('masterDown', (156 * 5000) / 256)])
  t.equal(step(v3, adopted, timeout('masterDown')).state.masterIntervalMs, 1000)
  const failed = step(v3, adopted, faults('x')).state
  t.equal(step(v3, failed, faults()).state.masterIntervalMs, 1000)
})

t.test('time that passed between the kernel and us counts as silence of the master', async (t) => {
  t.strictSame(step(vr, backup, heard(200, HIGHER, 1000, 400)).actions, [arm('masterDown', 3209.375)])
  t.strictSame(step(vr, backup, heard(0, HIGHER, 1000, 400)).actions, [arm('masterDown', 209.375)])
  t.strictSame(step(vr, backup, heard(200, HIGHER, 1000, 9000)).actions, [arm('masterDown', 0)])
  t.strictSame(step(vr, master, heard(200, HIGHER, 1000, 400)).actions, [
    lastWord,
    ...stepBack('higher priority heard', 3209.375)
  ])
})

t.test('who waits for more adverts waits longer (down_timer_adverts)', async (t) => {
  const patient = { ...vr, downTimerAdverts: 5 }
  t.strictSame(step(patient, backup, heard(200)).actions, [arm('masterDown', 5609.375)])
  t.match(step(patient, init, faults()).actions, [arm('masterDown', 5609.375)])
})

t.test('a delay before it preempts (preempt_delay)', async (t) => {
  const slow = { ...vr, preemptDelayMs: 5000 }
  const met = step(slow, backup, heard(88))
  t.test('obeys a master of lower priority, and starts to wait', async (t) => {
    t.strictSame(met.actions, [arm('masterDown', 3609.375), arm('preemptDelay', 5000)])
    t.equal(met.state.preemption, 'delayed')
    t.strictSame(step(slow, met.state, heard(88)).actions, [arm('masterDown', 3609.375)], 'once')
  })
  t.test('is over: what that master says moves no timer any more', async (t) => {
    const due = step(slow, met.state, timeout('preemptDelay'))
    t.strictSame(due.actions, [])
    t.equal(due.state.preemption, 'due')
    t.strictSame(step(slow, due.state, heard(88)).actions, [])
    const next = step(slow, due.state, timeout('masterDown'))
    t.equal(next.state.role, 'MASTER')
    t.equal(next.state.preemption, 'none')
  })
  t.test('ends when a better master is heard, and begins anew with the next worse one', async (t) => {
    const better = step(slow, met.state, heard(200))
    t.strictSame(better.actions, [arm('masterDown', 3609.375), cancel('preemptDelay')])
    t.match(step(slow, better.state, heard(88)).actions, [{}, arm('preemptDelay', 5000)])
  })
  t.test('does not keep it from following a master that falls silent or resigns', async (t) => {
    t.strictSame(step(slow, met.state, heard(0)).actions, [arm('masterDown', 609.375)])
    t.strictSame(step(slow, met.state, timeout('masterDown')).actions, [
      cancel('masterDown'),
      cancel('preemptDelay'),
      ...sendNow,
      { do: 'hold' },
      report('BACKUP', 'MASTER', 'master down')
    ])
  })
  t.test('is forgotten in FAULT', async (t) => t.equal(step(slow, met.state, faults('x')).state.preemption, 'none'))
})

t.test('a sync group takes its masters along: priority 0, then backup', async (t) => {
  const yields: Event = { type: 'yield', reason: 'sync group G: VI_2: link down' }
  const next = step(vr, master, yields)
  t.strictSame(next.actions, [advertise(0), ...stepBack('sync group G: VI_2: link down')])
  t.equal(next.state.role, 'BACKUP')
  for (const other of [backup, fault, init]) t.strictSame(step(vr, other, yields), { state: other, actions: [] })
})

t.test('settings that change while it runs', async (t) => {
  const change = (before: Settings, after: Settings, from: State) =>
    step(after, from, { type: 'settings', was: before })
  t.test('are sent at once by a master, which then goes by them', async (t) => {
    const next = change(vr, { ...vr, priority: 90, advertIntMs: 2000 }, master)
    t.strictSame(next.actions, [advertise(90), arm('advert', 2000)])
    t.match(next.state, { role: 'MASTER', masterIntervalMs: 2000, master: { address: OWN, priority: 90 } })
  })
  t.test('move the timer of a backup by as much as its time is different, and no more', async (t) => {
    const shifted = (byMs: number): Action[] => [{ do: 'shift', timer: 'masterDown', byMs }]
    t.strictSame(change(vr, { ...vr, priority: 200 }, backup).actions, shifted(-390.625))
    t.strictSame(change(vr, { ...vr, advertIntMs: 2000 }, backup).actions, shifted(3000))
    t.strictSame(change(vr, { ...vr, downTimerAdverts: 5 }, backup).actions, shifted(2000))
    t.equal(change(vr, { ...vr, advertIntMs: 2000 }, backup).state.masterIntervalMs, 2000)
  })
  t.test('of version 3 leave a backup with the interval of its master', async (t) => {
    const adopted = { ...backup, masterIntervalMs: 5000 }
    const next = change(v3, { ...v3, advertIntMs: 2000 }, adopted)
    t.strictSame(next.actions, [{ do: 'shift', timer: 'masterDown', byMs: 0 }])
    t.equal(next.state.masterIntervalMs, 5000)
  })
  t.test('are silent in FAULT and before the start', async (t) => {
    for (const from of [fault, init]) {
      const next = change(vr, { ...vr, advertIntMs: 2000 }, from)
      t.strictSame(next.actions, [])
      t.equal(next.state.masterIntervalMs, 2000)
    }
  })
})

t.test('a master whose proxy has no server asks to be relieved, and goes on where nobody is better', async (t) => {
  const last = { ...vr, priority: LAST_RESORT }
  const asked = step(last, master, { type: 'settings', was: vr })
  t.strictSame(asked.actions, [advertise(0), arm('advert', 940)])
  t.equal(asked.state.role, 'MASTER')
  t.strictSame(step(last, asked.state, timeout('advert')).actions, [advertise(2), arm('advert', 1000)])
  t.strictSame(
    step({ ...last, priority: 1 }, asked.state, { type: 'settings', was: last }).actions,
    [advertise(1), arm('advert', 1000)],
    'it asks once'
  )
  t.strictSame(
    step({ ...last, version: 3, advertIntMs: 200 }, master, { type: 'settings', was: vr }).actions,
    [advertise(0), arm('advert', 188)],
    'a skew of version 3 is of its interval'
  )
  const patient = { ...vr, preempt: false }
  t.strictSame(step(patient, backup, heard(LAST_RESORT)).actions, [], 'who does not preempt relieves it all the same')
  t.strictSame(
    step({ ...patient, priority: 2 }, backup, heard(1)).actions,
    [arm('masterDown', 3000 + (254 * 1000) / 256)],
    'who is no better does not'
  )
})

const anySettings = fc.record({
  version: fc.constantFrom(2 as const, 3 as const),
  priority: fc.integer({ min: 1, max: 255 }),
  advertIntMs: fc.constantFrom(10, 1000, 40_000),
  preempt: fc.boolean(),
  preemptDelayMs: fc.constantFrom(0, 5000),
  downTimerAdverts: fc.integer({ min: 1, max: 20 })
})
/** A reload, or a track: what the election is run by from then on. */
const anyChange = fc.record({
  priority: fc.constantFrom(1, 2, 3, 100, 254),
  advertIntMs: fc.constantFrom(10, 1000, 40_000),
  downTimerAdverts: fc.integer({ min: 1, max: 20 })
})
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    type: fc.constant('advert' as const),
    source: fc.constantFrom(LOWER, OWN, HIGHER),
    own: fc.constant(OWN),
    priority: fc.integer({ min: 0, max: 255 }),
    advertIntMs: fc.constantFrom(10, 1000, 40_950),
    ageMs: fc.constantFrom(0, 700, 300_000)
  }),
  fc.constantFrom(timeout('advert'), timeout('masterDown'), timeout('preemptDelay')),
  fc.constantFrom({ type: 'stalled' as const }, { type: 'yield' as const, reason: 'sync group' }),
  fc.constantFrom(faults(), faults(), faults('link down')),
  fc.constant({ type: 'shutdown' as const })
)

/** What a driver would have armed and hold after these actions. */
function perform(before: { armed: Set<string>; holds: boolean }, actions: readonly Action[]) {
  const armed = new Set(before.armed)
  let { holds } = before
  for (const action of actions) {
    if (action.do === 'arm') armed.add(action.timer)
    if (action.do === 'cancel') armed.delete(action.timer)
    if (action.do === 'hold') holds = true
    if (action.do === 'release') holds = false
  }
  return { armed, holds }
}

t.test('whatever happens, in whatever order', async (t) => {
  fc.assert(
    fc.property(anySettings, fc.array(fc.oneof(anyEvent, anyChange), { maxLength: 60 }), (first, events) => {
      let settings: Settings = first
      let state = initialState(settings)
      let world: { armed: Set<string>; holds: boolean } = { armed: new Set<string>(), holds: false }
      for (const one of events) {
        const event: Event = 'type' in one ? one : { type: 'settings', was: settings }
        if (!('type' in one)) settings = { ...settings, ...one }
        // A timer that fired is armed no more.
        if (event.type === 'timeout') {
          if (!world.armed.has(event.timer)) continue
          world.armed.delete(event.timer)
        }
        const before = state.role
        const next = step(settings, state, event)
        state = next.state
        world = perform(world, next.actions)
        const kinds = next.actions.map((action) => action.do)
        const why = JSON.stringify({ settings, event, before, next })
        if (world.holds !== (state.role === 'MASTER')) throw new Error(`holds: ${why}`)
        if (world.armed.has('advert') !== (state.role === 'MASTER')) throw new Error(`advert timer: ${why}`)
        if (world.armed.has('masterDown') !== (state.role === 'BACKUP')) throw new Error(`master-down timer: ${why}`)
        if (world.armed.has('preemptDelay') !== (state.preemption === 'delayed')) throw new Error(`delay timer: ${why}`)
        if (state.preemption !== 'none' && state.role !== 'BACKUP') throw new Error(`preemption: ${why}`)
        if (state.faults.length > 0 !== (state.role === 'FAULT')) throw new Error(`faults: ${why}`)
        const armsAdvert = next.actions.findIndex((action) => action.do === 'arm' && action.timer === 'advert')
        if (armsAdvert >= 0 && kinds[armsAdvert - 1] !== 'advertise') throw new Error(`not sent: ${why}`)
        if (kinds.includes('advertise') && before !== 'MASTER' && state.role !== 'MASTER')
          throw new Error(`sent: ${why}`)
        if ((before !== state.role) !== kinds.includes('report')) throw new Error(`report: ${why}`)
        for (const action of next.actions) {
          if (action.do === 'arm' && !(action.afterMs >= 0 && action.afterMs <= 21 * 40_950))
            throw new Error(`delay: ${why}`)
          if (action.do === 'shift' && before !== 'BACKUP') throw new Error(`shift: ${why}`)
          const isLastResort = event.type === 'settings' && settings.priority <= LAST_RESORT
          if (action.do === 'advertise' && action.priority === 0 && state.role === 'MASTER' && !isLastResort)
            throw new Error(`0: ${why}`)
        }
      }
    }),
    runs(500)
  )
  t.pass('the advert timer runs in MASTER alone, master-down in BACKUP alone, addresses are held by a MASTER alone')
})

t.test('a mastership that goes on from another process: master at once, from INIT alone', async (t) => {
  const { state, actions } = step(vr, init, { type: 'resume', own: OWN })
  t.match(state, { role: 'MASTER', master: { address: OWN, priority: 100 } })
  t.strictSame(actions, [cancel('masterDown'), ...sendNow, { do: 'hold' }, report('INIT', 'MASTER', RESUMED)])
  for (const other of [backup, master, fault])
    t.strictSame(step(vr, other, { type: 'resume', own: OWN }), { state: other, actions: [] })
})
