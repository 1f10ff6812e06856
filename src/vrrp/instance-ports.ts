import type { Clock } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { VrrpConfig } from '../config/schema.js'
import type { NativeAdvertSender } from '../os/addon.js'
import type { Link } from '../os/rtnetlink.js'
import type { AddressesPorts } from './addresses.js'
import type { DiagnosisPorts } from './diagnosis.js'
import type { Role } from './machine.js'
import type { Signature } from './signature.js'
import type { Fitness } from './tracking.js'
import type { Wire } from './wire.js'

/** What happened to an instance, for those who are to be told. */
export interface Transition {
  readonly from: Role
  readonly to: Role
  readonly priority: number
  readonly reason: string
}

/** What an instance acts through. */
export interface InstancePorts extends Pick<DiagnosisPorts, 'openArp' | 'onCondition'> {
  readonly clock: Clock
  readonly log: Log
  readonly wire: Pick<Wire, 'add' | 'remove' | 'send' | 'flush' | 'drain' | 'kind' | 'native' | 'sendErrors'>
  readonly kernel: AddressesPorts['kernel']
  readonly sendFrame: (interfaceIndex: number, frame: Uint8Array) => void
  /** The thread that sends adverts on time; null: the main loop does. */
  readonly sender: Pick<NativeAdvertSender, 'plan' | 'clear' | 'state'> | null
  /** This instance's number at the sender. */
  readonly id: number
  readonly isRouter: (interfaceIndex: number) => boolean
  /** Wall time, for people alone. */
  readonly today: () => Date
  readonly onTransition: (transition: Transition) => void
  readonly onPriority: (priority: number) => void
  /** These addresses are held by this instance now, and the link has been told. */
  readonly onHeld: (addresses: readonly string[]) => void
  /** These addresses are about to leave, by our hand; waited for. */
  readonly beforeGone: (addresses: readonly string[]) => Promise<void>
}

/** What an instance hangs on, as it is now. */
export interface Surroundings extends Omit<Fitness, 'interface' | 'addressFault'> {
  /** Where an address of ours belongs: on the interface of this name, or on the instance's own. */
  readonly linkOf: (dev: string | null) => Link | undefined
  readonly linkUpAt: number
  /** Anything was received on the link since it came up. */
  readonly isHeard: boolean
}

/** What is given to an instance: its configuration and what was made of it. */
export interface InstanceSetup {
  readonly config: VrrpConfig
  readonly startupDelayMs: number
  /** Signs and checks signatures (auth_hmac); null: neither. */
  readonly signature: Signature | null
}
