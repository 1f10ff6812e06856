import type { Link } from '../os/rtnetlink.js'

/** What an instance's fitness hangs on, as levels. */
export interface Fitness {
  readonly interface: string
  readonly link: Link | undefined
  /** Address that adverts come from. */
  readonly source: string | undefined
  /** Why there is no VRRP socket. */
  readonly wireFault: string | undefined
  /** Why the kernel does not take the addresses. */
  readonly addressFault: string | undefined
  /** What the rest of the daemon reports: listeners that are not bound, a data plane that stands still. */
  readonly outside: readonly string[]
}

/** Everything that keeps an instance from being master, in words; none is healthy. Boolean: any of it is FAULT, priority 0, at once. */
export function faultsOf(fitness: Fitness): string[] {
  return [
    ...linkFaults(fitness),
    ...[fitness.wireFault, fitness.addressFault].filter((one) => one !== undefined),
    ...fitness.outside
  ]
}

function linkFaults({ interface: name, link, source }: Fitness): string[] {
  if (link === undefined) return [`interface ${name} does not exist`]
  if (!link.isUp) return [`link down: ${name} is switched off`]
  if (!link.isRunning) return [`link down: ${name} has no carrier`]
  return source === undefined ? [`${name} has no IPv4 address to send adverts from`] : []
}
