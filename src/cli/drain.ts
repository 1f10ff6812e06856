import type { ServerName, Status } from '../admin/status.js'
import { isWildcard } from '../base/bind.js'
import { parseHostPort } from '../base/ip.js'

/** What is left of what drains. */
export type Left =
  | { readonly kind: 'sessions'; readonly count: number }
  /** It is not what was waited for: somebody gave another order, or it is gone. */
  | { readonly kind: 'over'; readonly why: string }

/** How far a server's drain has come, by a status. */
export function leftOf(status: Pick<Status, 'proxy'>, { service, server }: ServerName): Left {
  const found = status.proxy.find(({ name }) => name === service)
  const one = found?.servers.find(({ name }) => name === server)
  const leaving = found?.leaving.find(({ name }) => name === server)
  if (one === undefined) return { kind: 'sessions', count: leaving?.sessions ?? 0 }
  if (one.admin === 'ready') return { kind: 'over', why: `${service}/${server} was ordered ready meanwhile` }
  return { kind: 'sessions', count: one.sessions.current }
}

/** How many sessions have come in by the addresses of these instances, or by any address of this host. */
export function leftAt({ vrrp, proxy }: Pick<Status, 'vrrp' | 'proxy'>, instances: readonly string[]): Left {
  const own = vrrp.filter(({ name }) => instances.includes(name)).flatMap((one) => one.virtual_ipaddress)
  const addresses = new Set(own.map(({ address }) => address.split('/')[0] ?? ''))
  const isTheirs = (bind: string): boolean => {
    const place = parseHostPort(bind)
    return place !== undefined && (isWildcard(place.host) || addresses.has(place.host))
  }
  const services = proxy.filter(({ bind }) => bind.some(isTheirs))
  return { kind: 'sessions', count: services.reduce((sum, { sessions }) => sum + sessions.current, 0) }
}

/** How it ended. */
export type Drained =
  | { readonly kind: 'drained' }
  /** Time is over, and so many are left. */
  | { readonly kind: 'late'; readonly words: string }
  | Extract<Left, { kind: 'over' }>

export const leftWords = (count: number): string => (count === 1 ? '1 session left' : `${count} sessions left`)

export interface WaitPorts {
  readonly left: () => Promise<Left>
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<unknown>
  readonly write: (text: string) => void
  /** The line is written anew in place. */
  readonly isTerminal: boolean
}

const LOOK_MS = 1000

/** Shows what is left each second until nothing is, or time is over. */
export async function waitForDrain(timeoutMs: number, ports: WaitPorts): Promise<Drained> {
  const { now, write, isTerminal } = ports
  const since = now()
  let told = ''
  const end = (drained: Drained): Drained => {
    if (isTerminal && told !== '') write('\n')
    return drained
  }
  for (;;) {
    const left = await ports.left()
    if (left.kind === 'over') return end(left)
    const words = leftWords(left.count)
    // On a terminal one line that moves; else a line whenever the number is another.
    if (isTerminal) write(`\r\x1b[K${words}`)
    else if (words !== told) write(`${words}\n`)
    told = words
    if (left.count === 0) return end({ kind: 'drained' })
    const restMs = since + timeoutMs - now()
    if (restMs <= 0) return end({ kind: 'late', words })
    await ports.sleep(Math.min(LOOK_MS, restMs))
  }
}
