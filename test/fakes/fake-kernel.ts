import { VipdError } from '../../src/base/errors.js'
import { formatPrefix, type Prefix } from '../../src/base/ip.js'
import { type AddressState, Mirror, networkOf } from '../../src/os/mirror.js'
import type { Netlink } from '../../src/os/netlink.js'
import { type AddressRequest, type KernelAddress, type Link, VIPD_PROTOCOL } from '../../src/os/rtnetlink.js'
import type { ManualClock } from './manual-clock.js'

export interface Operation {
  readonly at: number
  readonly op: 'add' | 'renew' | 'remove' | 'refuse' | 'expire' | 'taken'
  readonly address: string
  readonly index: number
  readonly leaseS?: number
}

export const link = (overrides: Partial<Link> = {}): Link => ({
  index: 2,
  name: 'bond0',
  isUp: true,
  isRunning: true,
  isLoopback: false,
  mac: Uint8Array.from([0x52, 0x54, 0, 0xaa, 0xbb, 1]),
  mtu: 1500,
  rxPackets: 0,
  ...overrides
})

export const kernelAddress = (
  index: number,
  { address, family, length }: Prefix,
  overrides: Partial<KernelAddress> = {}
): KernelAddress => ({
  index,
  prefix: { address, family, length },
  protocol: VIPD_PROTOCOL,
  isLeased: true,
  scope: 0,
  isLinkLocal: false,
  isSecondary: false,
  isTentative: false,
  isDadFailed: false,
  ...overrides
})

interface Real {
  readonly index: number
  readonly prefix: Prefix
  readonly isSecondary: boolean
  readonly lease: { cancel(): void }
}

/**
 * The kernel's side of netlink and what a node mirrors of it. Requests take `latencyMs` and go one at a time; an
 * address that is not renewed goes `latenessMs` after its lease, also while the node is frozen.
 */
export class FakeKernel
  implements
    Pick<Netlink, 'holdAddress' | 'removeAddress' | 'hasAddress' | 'addressState' | 'link' | 'readLink' | 'addresses'>
{
  readonly operations: Operation[] = []
  latencyMs = 1
  latenessMs = 500
  /** Requests that get no answer within their deadline. */
  unanswered = 0
  /** The words by which the next requests to add are refused. */
  refusal: string | undefined
  onChange: () => void = () => undefined
  readonly #node: ManualClock
  readonly #own: ManualClock
  readonly #real = new Map<string, Real>()
  readonly #mirror = new Mirror()
  readonly #links = new Map<string, Link>()
  #queue: Promise<unknown> = Promise.resolve()

  constructor(node: ManualClock) {
    this.#node = node
    this.#own = node.time.clock()
  }

  /** What really is on the interfaces, whatever the node has heard of it. */
  get held(): string[] {
    return [...this.#real.values()].map((one) => formatPrefix(one.prefix))
  }

  hasAddress(index: number, prefix: Prefix): boolean {
    return this.#mirror.hasAddress(index, prefix)
  }

  addressState(index: number, prefix: Prefix): AddressState {
    return this.#mirror.stateOf(index, prefix)
  }

  addressBirth(index: number, prefix: Prefix): number | undefined {
    return this.#mirror.birthOf(index, prefix)
  }

  link(name: string): Link | undefined {
    return this.#links.get(name)
  }

  /** Now, not as the node last heard; by another request that takes its time. */
  readLink(index: number): Promise<Link | undefined> {
    return this.#request(() => () => [...this.#links.values()].find((one) => one.index === index))
  }

  addresses(): Iterable<KernelAddress> {
    return this.#mirror.addresses()
  }

  /** An interface appears or changes; undefined: it goes. */
  setLink(name: string, value: Link | undefined): void {
    this.#event(() => {
      if (value === undefined) this.#links.delete(name)
      else this.#links.set(name, value)
    })
  }

  /** An address of the administrator's. */
  setAddress(index: number, prefix: Prefix, protocol = 0): void {
    this.#tell(kernelAddress(index, prefix, { protocol, isLeased: false }))
  }

  /** Something else deletes an address of ours. */
  take(index: number, prefix: Prefix): void {
    this.#drop(index, prefix, 'taken')
  }

  /** IPv6 duplicate address detection is over: nobody has it, or somebody has, and the kernel drops it (or leaves it there with the flag). */
  endDad(index: number, prefix: Prefix, end: 'free' | 'dropped' | 'left'): void {
    const flags = { isDadFailed: true, isTentative: true }
    if (end === 'dropped') this.#drop(index, prefix, 'taken', flags)
    else this.#tell(kernelAddress(index, prefix, end === 'left' ? flags : {}))
  }

  holdAddress(index: number, address: AddressRequest, leaseS: number): Promise<'added' | 'renewed'> {
    // As the real one: what is thought to be there is renewed, and added where it is not, by one request.
    const isKnown = this.#mirror.stateOf(index, address) === 'held'
    return this.#request(() => {
      const text = formatPrefix(address)
      if (this.unanswered > 0) {
        this.unanswered--
        throw new Error('timeout')
      }
      if (this.refusal !== undefined) {
        this.#note('refuse', index, text)
        throw new VipdError('ADDRESS_FAILED', this.refusal)
      }
      const key = keyOf(index, address)
      const before = this.#real.get(key)
      before?.lease.cancel()
      const lease = this.#own.after(leaseS * 1000 + this.latenessMs, () => this.#drop(index, address, 'expire'))
      const isSecondary = before?.isSecondary ?? [...this.#real.values()].some((one) => isOfSubnet(one, index, address))
      this.#real.set(key, { index, prefix: address, isSecondary, lease })
      this.#note(before === undefined ? 'add' : 'renew', index, text, leaseS)
      const isTentative = address.family === 6 && !address.noDad
      const told = kernelAddress(index, address, { isSecondary, isTentative })
      if (before === undefined) this.#tell(told)
      return () => {
        if (before === undefined && isKnown) return 'renewed'
        if (before === undefined) this.#mirror.store({ type: 'address', isGone: false, address: told })
        this.#mirror.forgetCause(index, address)
        return before === undefined ? 'added' : 'renewed'
      }
    })
  }

  removeAddress(index: number, prefix: Prefix): Promise<void> {
    for (const one of this.#mirror.dependents(index, prefix)) this.#mirror.noteWentAlong(one)
    return this.#request(() => {
      this.#drop(index, prefix, 'remove')
      return () => {
        this.#mirror.store({ type: 'address', isGone: true, address: kernelAddress(index, prefix) })
      }
    })
  }

  /** With the first address of an IPv4 subnet go the others. */
  #drop(index: number, prefix: Prefix, op: 'remove' | 'expire' | 'taken', flags: Partial<KernelAddress> = {}): void {
    const key = keyOf(index, prefix)
    const found = this.#real.get(key)
    if (found === undefined) return
    found.lease.cancel()
    this.#real.delete(key)
    this.#note(op, index, formatPrefix(prefix))
    this.#tell(kernelAddress(index, prefix, flags), true)
    if (found.isSecondary) return
    const others = [...this.#real.values()].filter((one) => one.isSecondary && isOfSubnet(one, index, prefix))
    for (const one of others) this.#drop(one.index, one.prefix, 'taken')
  }

  #tell(address: KernelAddress, isGone = false): void {
    this.#event(() => this.#mirror.store({ type: 'address', isGone, address }))
  }

  #note(op: Operation['op'], index: number, address: string, leaseS?: number): void {
    this.operations.push({ at: this.#own.now(), op, address, index, ...(leaseS === undefined ? {} : { leaseS }) })
  }

  /** The node reads it when its loop next looks. */
  #event(apply: () => void): void {
    this.#node.input('netlink events', () => {
      apply()
      this.onChange()
    })
  }

  /** `run` happens in the kernel after the latency; what it returns happens in the node when it reads the reply. */
  #request<Result>(run: () => () => Result): Promise<Result> {
    const turn = this.#queue.then(
      () =>
        new Promise<Result>((resolve, reject) => {
          this.#own.after(this.latencyMs, () => {
            try {
              const reply = run()
              this.#node.input('netlink requests', () => resolve(reply()))
            } catch (error) {
              this.#node.input('netlink requests', () => reject(error))
            }
          })
        })
    )
    this.#queue = turn.catch(() => undefined)
    return turn
  }
}

const keyOf = (index: number, prefix: Prefix): string => `${index} ${formatPrefix(prefix)}`

const isOfSubnet = (one: Real, index: number, prefix: Prefix): boolean =>
  one.index === index &&
  prefix.family === 4 &&
  one.prefix.family === 4 &&
  one.prefix.length === prefix.length &&
  networkOf(one.prefix) === networkOf(prefix)
