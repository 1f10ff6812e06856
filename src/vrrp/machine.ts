import { compareAddresses } from '../base/ip.js'
import { masterDownMs, reliefMs, skewMs } from './timing.js'

/** What an election is run by. */
export interface Settings {
  readonly version: 2 | 3
  /** The effective one: 1 to 254; 255 for the owner. */
  readonly priority: number
  readonly advertIntMs: number
  /** false: a living master of lower priority is left alone. */
  readonly preempt: boolean
  /** How long a living master of lower priority is left alone before it is preempted. */
  readonly preemptDelayMs: number
  /** Intervals of silence after which a master is down. */
  readonly downTimerAdverts: number
}

export type Role = 'INIT' | 'BACKUP' | 'MASTER' | 'FAULT'

export interface State {
  readonly role: Role
  /** The master's interval: our own, or in version 3 the one last heard. */
  readonly masterIntervalMs: number
  /** Who is master as far as we know. */
  readonly master: { readonly address: string; readonly priority: number } | null
  /** Why the role is FAULT; empty in every other role. */
  readonly faults: readonly string[]
  /** A master of lower priority: not met, left alone until the delay is over, or to be preempted. */
  readonly preemption: 'none' | 'delayed' | 'due'
}

export type TimerName = 'masterDown' | 'advert' | 'preemptDelay'

export type Event =
  /** Everything that keeps us from taking part, as a level; none is healthy. The first one starts the election. */
  | { readonly type: 'faults'; readonly faults: readonly string[] }
  /**
   * An advert that climbed the whole ladder. `own` is the address that our adverts come from, `ageMs` how long ago the
   * kernel received it: the master was alive then, not now.
   */
  | {
      readonly type: 'advert'
      readonly source: string
      readonly own: string
      readonly priority: number
      readonly advertIntMs: number
      readonly ageMs: number
    }
  | { readonly type: 'timeout'; readonly timer: TimerName; readonly own: string }
  /** The effective priority or the interval has changed; the settings have the new ones already. */
  | { readonly type: 'settings'; readonly was: Pick<Settings, 'priority' | 'advertIntMs' | 'downTimerAdverts'> }
  /** We were away for so long that a peer may have taken over. */
  | { readonly type: 'stalled' }
  /** The process before this one was master, and has just let go without a word: nobody is to notice. */
  | { readonly type: 'resume'; readonly own: string }
  /** Another member of our sync group is master no more. */
  | { readonly type: 'yield'; readonly reason: string }
  | { readonly type: 'shutdown' }

export type Action =
  | { readonly do: 'advertise'; readonly priority: number }
  | { readonly do: 'arm'; readonly timer: TimerName; readonly afterMs: number }
  /** Moves a running timer. */
  | { readonly do: 'shift'; readonly timer: 'masterDown'; readonly byMs: number }
  | { readonly do: 'cancel'; readonly timer: TimerName }
  /** The addresses should be held, or not: a level. */
  | { readonly do: 'hold' }
  | { readonly do: 'release' }
  /** Tell the link again where the addresses are. */
  | { readonly do: 'announce' }
  | { readonly do: 'report'; readonly from: Role; readonly to: Role; readonly reason: string }
  /** Somebody sends adverts from our own address. */
  | { readonly do: 'warn'; readonly about: 'own-address'; readonly source: string }

export interface Step {
  readonly state: State
  readonly actions: readonly Action[]
}

/**
 * A node that advertises this or less holds the addresses for want of a better one, and asks to be relieved: its proxy
 * has no server. The configuration keeps these priorities free.
 */
export const LAST_RESORT = 2

/** Why one is master that goes on with another process's mastership: nobody needs to be told of it. */
export const RESUMED = 'went on with the mastership of the process before'

export const initialState = (settings: Pick<Settings, 'advertIntMs'>): State => ({
  role: 'INIT',
  masterIntervalMs: settings.advertIntMs,
  master: null,
  faults: [],
  preemption: 'none'
})

/** The whole election as a function (RFC 9568 §6.4, RFC 3768 §6.4). Never reads a clock, never touches a socket. */
export function step(vr: Settings, state: State, event: Event): Step {
  switch (event.type) {
    case 'faults':
      return onFaults(vr, state, event.faults)
    case 'shutdown':
      return leave(state, 'INIT', 'shutdown', [])
    case 'stalled':
      // No priority 0: whoever took over meanwhile must not hear that its predecessor left.
      return state.role === 'MASTER' ? toBackup(vr, state, 'stalled') : stay(state)
    case 'resume':
      return state.role === 'INIT' ? toMaster(vr, state, event.own, RESUMED) : stay(state)
    case 'yield':
      return onYield(vr, state, event.reason)
    case 'settings':
      return onSettings(vr, state, event.was)
    case 'timeout':
      return onTimeout(vr, state, event.timer, event.own)
    case 'advert':
      if (state.role === 'BACKUP') return onAdvertAsBackup(vr, state, event)
      return state.role === 'MASTER' ? onAdvertAsMaster(vr, state, event) : stay(state)
  }
}

type AdvertEvent = Extract<Event, { type: 'advert' }>

const stay = (state: State, ...actions: Action[]): Step => ({ state, actions })

function onFaults(vr: Settings, state: State, faults: readonly string[]): Step {
  if (faults.length > 0) {
    if (state.role === 'FAULT') return stay({ ...state, faults })
    return leave(state, 'FAULT', faults.join(', '), faults)
  }
  if (state.role !== 'INIT' && state.role !== 'FAULT') return stay(state)
  return toBackup(vr, state, state.role === 'INIT' ? 'start' : 'healthy again')
}

/** Out of the election; a master says so by priority 0, so that a backup takes over after its skew alone. */
function leave(state: State, to: 'INIT' | 'FAULT', reason: string, faults: readonly string[]): Step {
  const actions: Action[] = []
  if (state.role === 'MASTER') actions.push({ do: 'advertise', priority: 0 }, { do: 'release' })
  actions.push({ do: 'cancel', timer: 'masterDown' }, { do: 'cancel', timer: 'advert' })
  actions.push({ do: 'cancel', timer: 'preemptDelay' })
  if (state.role !== to) actions.push({ do: 'report', from: state.role, to, reason })
  return { state: { ...state, role: to, master: null, faults, preemption: 'none' }, actions }
}

/** The members of a sync group move together (keepalived's vrrp_sync_group). */
function onYield(vr: Settings, state: State, reason: string): Step {
  if (state.role !== 'MASTER') return stay(state)
  const { state: next, actions } = toBackup(vr, state, reason)
  return { state: next, actions: [{ do: 'advertise', priority: 0 }, ...actions] }
}

function onSettings(vr: Settings, state: State, was: Extract<Event, { type: 'settings' }>['was']): Step {
  if (state.role === 'MASTER') return onOwnPriority(vr, state, was.priority)
  if (state.role !== 'BACKUP') return stay({ ...state, masterIntervalMs: vr.advertIntMs })
  // Version 3 goes by the master's interval, which is not ours to change.
  const intervalMs =
    vr.version === 3 && state.masterIntervalMs !== was.advertIntMs ? state.masterIntervalMs : vr.advertIntMs
  const before = masterDownMs(vr.version, was.priority, state.masterIntervalMs, was.downTimerAdverts)
  const byMs = downMs(vr, intervalMs) - before
  return stay({ ...state, masterIntervalMs: intervalMs }, { do: 'shift', timer: 'masterDown', byMs })
}

function onOwnPriority(vr: Settings, state: State, was: number): Step {
  const master = state.master === null ? null : { ...state.master, priority: vr.priority }
  const next = { ...state, master, masterIntervalMs: vr.advertIntMs }
  if (vr.priority > LAST_RESORT || was <= LAST_RESORT) return stay(next, ...advertise(vr))
  // Whoever is better takes over after its skew, also one that does not preempt; where nobody is, we go on.
  const afterMs = reliefMs(vr.version, vr.advertIntMs)
  return stay(next, { do: 'advertise', priority: 0 }, { do: 'arm', timer: 'advert', afterMs })
}

function onTimeout(vr: Settings, state: State, timer: TimerName, own: string): Step {
  if (timer === 'advert' && state.role === 'MASTER') return stay(state, ...advertise(vr))
  if (timer === 'masterDown' && state.role === 'BACKUP') return toMaster(vr, state, own, 'master down')
  if (timer === 'preemptDelay' && state.preemption === 'delayed') return stay({ ...state, preemption: 'due' })
  return stay(state)
}

function toMaster(vr: Settings, state: State, own: string, reason: string): Step {
  return {
    state: {
      role: 'MASTER',
      masterIntervalMs: vr.advertIntMs,
      master: { address: own, priority: vr.priority },
      faults: [],
      preemption: 'none'
    },
    actions: [
      { do: 'cancel', timer: 'masterDown' },
      ...noDelay(state),
      ...advertise(vr),
      { do: 'hold' },
      { do: 'report', from: state.role, to: 'MASTER', reason }
    ]
  }
}

interface NewMaster {
  readonly master: State['master']
  readonly intervalMs: number
  readonly ageMs: number
}

function toBackup(vr: Settings, state: State, reason: string, to?: NewMaster): Step {
  const { master, intervalMs, ageMs } = to ?? { master: null, intervalMs: vr.advertIntMs, ageMs: 0 }
  // The owner of the addresses does not wait for a master to fall silent (RFC 9568 §6.4.1).
  const isOwner = vr.priority === 255 && state.role !== 'MASTER'
  const afterMs = isOwner ? 0 : Math.max(0, downMs(vr, intervalMs) - ageMs)
  const leaving: Action[] = state.role === 'MASTER' ? [{ do: 'cancel', timer: 'advert' }, { do: 'release' }] : []
  return {
    state: { role: 'BACKUP', masterIntervalMs: intervalMs, master, faults: [], preemption: 'none' },
    actions: [
      ...leaving,
      { do: 'arm', timer: 'masterDown', afterMs },
      { do: 'report', from: state.role, to: 'BACKUP', reason }
    ]
  }
}

function onAdvertAsBackup(vr: Settings, state: State, advert: AdvertEvent): Step {
  if (advert.priority === 0) {
    const afterMs = Math.max(0, skewMs(vr.version, vr.priority, state.masterIntervalMs) - advert.ageMs)
    return stay({ ...state, master: null }, { do: 'arm', timer: 'masterDown', afterMs })
  }
  const master = { address: advert.source, priority: advert.priority }
  const isPreempted = mayPreempt(vr, advert.priority)
  // A lower priority is discarded and moves no timer: our own runs out, and we take over.
  if (isPreempted && (vr.preemptDelayMs === 0 || state.preemption === 'due')) return stay({ ...state, master })
  const masterIntervalMs = vr.version === 3 ? advert.advertIntMs : vr.advertIntMs
  const afterMs = Math.max(0, downMs(vr, masterIntervalMs) - advert.ageMs)
  const arm: Action = { do: 'arm', timer: 'masterDown', afterMs }
  const next = { ...state, master, masterIntervalMs }
  if (!isPreempted) return stay({ ...next, preemption: 'none' }, arm, ...noDelay(state))
  if (state.preemption === 'delayed') return stay(next, arm)
  const wait: Action = { do: 'arm', timer: 'preemptDelay', afterMs: vr.preemptDelayMs }
  return stay({ ...next, preemption: 'delayed' }, arm, wait)
}

/** One that asks to be relieved is, whatever `preempt` says. */
const mayPreempt = (vr: Settings, priority: number): boolean =>
  priority < vr.priority && (vr.preempt || (priority <= LAST_RESORT && vr.priority > LAST_RESORT))

function onAdvertAsMaster(vr: Settings, state: State, advert: AdvertEvent): Step {
  if (advert.priority === 0) return stay(state, ...advertise(vr), { do: 'announce' })
  const order = advert.priority - vr.priority || compareAddresses(advert.source, advert.own)
  if (order === 0) return stay(state, { do: 'warn', about: 'own-address', source: advert.source })
  if (order > 0) {
    const reason = advert.priority > vr.priority ? 'higher priority heard' : 'same priority, higher address heard'
    const intervalMs = vr.version === 3 ? advert.advertIntMs : vr.advertIntMs
    const master = { address: advert.source, priority: advert.priority }
    const { state: next, actions } = toBackup(vr, state, reason, { master, intervalMs, ageMs: advert.ageMs })
    // A last word (keepalived's higher_prio_send_advert): who wins hears it after the last gratuitous ARP of ours, and
    // tells the link again where the addresses are.
    return { state: next, actions: [{ do: 'advertise', priority: vr.priority }, ...actions] }
  }
  // RFC 9568 §6.4.3 for both versions: answered at once, so that one packet ends a split; and whoever learnt the other's MAC learns ours.
  return stay(state, ...advertise(vr), { do: 'announce' })
}

const downMs = (vr: Settings, intervalMs: number): number =>
  masterDownMs(vr.version, vr.priority, intervalMs, vr.downTimerAdverts)

const noDelay = (state: State): Action[] =>
  state.preemption === 'none' ? [] : [{ do: 'cancel', timer: 'preemptDelay' }]

/** Only an advert that was sent restarts the advert timer; in keepalived any packet does, and a stranger can silence a master. */
const advertise = (vr: Settings): Action[] => [
  { do: 'advertise', priority: vr.priority },
  { do: 'arm', timer: 'advert', afterMs: vr.advertIntMs }
]
