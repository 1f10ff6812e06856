import { VipdError } from '../../src/base/errors.js'
import { formatPrefix, type Prefix } from '../../src/base/ip.js'
import type { Netlink } from '../../src/os/netlink.js'
import { type KernelAddress, type Link, VIPD_PROTOCOL } from '../../src/os/rtnetlink.js'
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
  ...overrides
})

/**
 * The kernel's side of netlink and what a node mirrors of it. Requests take `latencyMs` and go one at a time; an
 * address that is not renewed goes `latenessMs` after its lease, also while the node is frozen.
 */
export class FakeKernel
  implements Pick<Netlink, 'holdAddress' | 'removeAddress' | 'hasAddress' | 'link' | 'addresses'>
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
  readonly #real = new Map<string, { index: number; prefix: Prefix; lease: { cancel(): void } }>()
  #addresses = new Map<string, KernelAddress>()
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
    return this.#addresses.has(keyOf(index, prefix))
  }

  link(name: string): Link | undefined {
    return this.#links.get(name)
  }

  addresses(): Iterable<KernelAddress> {
    return this.#addresses.values()
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
    this.#event(() => this.#addresses.set(keyOf(index, prefix), { index, prefix, protocol, isLeased: false }))
  }

  /** Something else deletes an address of ours. */
  take(index: number, prefix: Prefix): void {
    this.#drop(index, prefix, 'taken')
  }

  holdAddress(index: number, prefix: Prefix, leaseS: number): Promise<'added' | 'renewed'> {
    return this.#request(() => {
      const address = formatPrefix(prefix)
      if (this.unanswered > 0) {
        this.unanswered--
        throw new Error('timeout')
      }
      if (this.refusal !== undefined) {
        this.#note('refuse', index, address)
        throw new VipdError('ADDRESS_FAILED', this.refusal)
      }
      const key = keyOf(index, prefix)
      const before = this.#real.get(key)
      before?.lease.cancel()
      const lease = this.#own.after(leaseS * 1000 + this.latenessMs, () => this.#drop(index, prefix, 'expire'))
      this.#real.set(key, { index, prefix, lease })
      this.#note(before === undefined ? 'add' : 'renew', index, address, leaseS)
      const mirrored: KernelAddress = { index, prefix, protocol: VIPD_PROTOCOL, isLeased: true }
      if (before === undefined) this.#event(() => this.#addresses.set(key, mirrored))
      return () => {
        this.#addresses.set(key, mirrored)
        return before === undefined ? 'added' : 'renewed'
      }
    })
  }

  removeAddress(index: number, prefix: Prefix): Promise<void> {
    return this.#request(() => {
      this.#drop(index, prefix, 'remove')
      return () => {
        this.#addresses.delete(keyOf(index, prefix))
      }
    })
  }

  #drop(index: number, prefix: Prefix, op: 'remove' | 'expire' | 'taken'): void {
    const key = keyOf(index, prefix)
    const found = this.#real.get(key)
    if (found === undefined) return
    found.lease.cancel()
    this.#real.delete(key)
    this.#note(op, index, formatPrefix(prefix))
    this.#event(() => this.#addresses.delete(key))
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
