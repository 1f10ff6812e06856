import { compareAddresses } from '../base/ip.js'
import { masterDownMs, skewMs } from './timing.js'

/** What an election is run by. */
export interface Settings {
  readonly version: 2 | 3
  /** 1 to 254; 255 for the owner. */
  readonly priority: number
  readonly advertIntMs: number
  /** false: a living master of lower priority is left alone. */
  readonly preempt: boolean
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
}

export type TimerName = 'masterDown' | 'advert'

export type Event =
  /** Everything that keeps us from taking part, as a level; none is healthy. The first one starts the election. */
  | { readonly type: 'faults'; readonly faults: readonly string[] }
  /** An advert that climbed the whole ladder. `own` is the address that our adverts come from. */
  | {
      readonly type: 'advert'
      readonly source: string
      readonly own: string
      readonly priority: number
      readonly advertIntMs: number
    }
  | { readonly type: 'timeout'; readonly timer: TimerName; readonly own: string }
  /** We were away for so long that a peer may have taken over. */
  | { readonly type: 'stalled' }
  | { readonly type: 'shutdown' }

export type Action =
  | { readonly do: 'advertise'; readonly priority: number }
  | { readonly do: 'arm'; readonly timer: TimerName; readonly afterMs: number }
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

export const initialState = (settings: Settings): State => ({
  role: 'INIT',
  masterIntervalMs: settings.advertIntMs,
  master: null,
  faults: []
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
      return state.role === 'MASTER' ? toBackup(vr, state, 'stalled', vr.advertIntMs, null) : stay(state)
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
  return toBackup(vr, state, state.role === 'INIT' ? 'start' : 'healthy again', vr.advertIntMs, null)
}

/** Out of the election; a master says so by priority 0, so that a backup takes over after its skew alone. */
function leave(state: State, to: 'INIT' | 'FAULT', reason: string, faults: readonly string[]): Step {
  const actions: Action[] = []
  if (state.role === 'MASTER') actions.push({ do: 'advertise', priority: 0 }, { do: 'release' })
  actions.push({ do: 'cancel', timer: 'masterDown' }, { do: 'cancel', timer: 'advert' })
  if (state.role !== to) actions.push({ do: 'report', from: state.role, to, reason })
  return { state: { ...state, role: to, master: null, faults }, actions }
}

function onTimeout(vr: Settings, state: State, timer: TimerName, own: string): Step {
  if (timer === 'advert' && state.role === 'MASTER') return stay(state, ...advertise(vr))
  if (timer === 'masterDown' && state.role === 'BACKUP') return toMaster(vr, state, own, 'master down')
  return stay(state)
}

function toMaster(vr: Settings, state: State, own: string, reason: string): Step {
  return {
    state: {
      role: 'MASTER',
      masterIntervalMs: vr.advertIntMs,
      master: { address: own, priority: vr.priority },
      faults: []
    },
    actions: [
      { do: 'cancel', timer: 'masterDown' },
      ...advertise(vr),
      { do: 'hold' },
      { do: 'report', from: state.role, to: 'MASTER', reason }
    ]
  }
}

function toBackup(vr: Settings, state: State, reason: string, intervalMs: number, master: State['master']): Step {
  // The owner of the addresses does not wait for a master to fall silent (RFC 9568 §6.4.1).
  const isOwner = vr.priority === 255 && state.role !== 'MASTER'
  const afterMs = isOwner ? 0 : masterDownMs(vr.version, vr.priority, intervalMs)
  const leaving: Action[] = state.role === 'MASTER' ? [{ do: 'cancel', timer: 'advert' }, { do: 'release' }] : []
  return {
    state: { role: 'BACKUP', masterIntervalMs: intervalMs, master, faults: [] },
    actions: [
      ...leaving,
      { do: 'arm', timer: 'masterDown', afterMs },
      { do: 'report', from: state.role, to: 'BACKUP', reason }
    ]
  }
}

function onAdvertAsBackup(vr: Settings, state: State, advert: AdvertEvent): Step {
  if (advert.priority === 0) {
    const afterMs = skewMs(vr.version, vr.priority, state.masterIntervalMs)
    return stay({ ...state, master: null }, { do: 'arm', timer: 'masterDown', afterMs })
  }
  const master = { address: advert.source, priority: advert.priority }
  // A lower priority is discarded and moves no timer: our own runs out, and we take over.
  if (vr.preempt && advert.priority < vr.priority) return stay({ ...state, master })
  const masterIntervalMs = vr.version === 3 ? advert.advertIntMs : vr.advertIntMs
  const afterMs = masterDownMs(vr.version, vr.priority, masterIntervalMs)
  return stay({ ...state, master, masterIntervalMs }, { do: 'arm', timer: 'masterDown', afterMs })
}

function onAdvertAsMaster(vr: Settings, state: State, advert: AdvertEvent): Step {
  if (advert.priority === 0) return stay(state, ...advertise(vr), { do: 'announce' })
  const order = advert.priority - vr.priority || compareAddresses(advert.source, advert.own)
  if (order === 0) return stay(state, { do: 'warn', about: 'own-address', source: advert.source })
  if (order > 0) {
    const reason = advert.priority > vr.priority ? 'higher priority heard' : 'same priority, higher address heard'
    const intervalMs = vr.version === 3 ? advert.advertIntMs : vr.advertIntMs
    const master = { address: advert.source, priority: advert.priority }
    const { state: next, actions } = toBackup(vr, state, reason, intervalMs, master)
    // A last word (keepalived's higher_prio_send_advert): who wins hears it after the last gratuitous ARP of ours, and
    // tells the link again where the addresses are.
    return { state: next, actions: [{ do: 'advertise', priority: vr.priority }, ...actions] }
  }
  // RFC 9568 §6.4.3 for both versions: answered at once, so that one packet ends a split; and whoever learnt the other's MAC learns ours.
  return stay(state, ...advertise(vr), { do: 'announce' })
}

/** Only an advert that was sent restarts the advert timer; in keepalived any packet does, and a stranger can silence a master. */
const advertise = (vr: Settings): Action[] => [
  { do: 'advertise', priority: vr.priority },
  { do: 'arm', timer: 'advert', afterMs: vr.advertIntMs }
]
