import { type Bind, formatBind } from '../base/bind.js'
import type { ListenerEntry } from '../os/plane.js'

/** Sockets that the service manager handed over, by their names; and those that are known by number and have another one by now, as 'fd@3'. */
export type InheritedSockets = ReadonlyMap<string, readonly number[]>

/** Where a service listens, as the data plane takes it; or why that cannot be said, as a sentence. */
export type Listeners =
  | { readonly ok: true; readonly entries: readonly ListenerEntry[] }
  | { readonly ok: false; readonly problem: string }

export function listenersOf(binds: readonly Bind[], inherited: InheritedSockets): Listeners {
  const missing = binds.find((bind) => bind.kind === 'fd' && socketsOf(bind.fd, inherited).length === 0)
  if (missing === undefined) return { ok: true, entries: binds.flatMap((bind) => entriesOf(bind, inherited)) }
  const known = [...inherited.keys()].sort()
  const had = known.length === 0 ? 'it handed over none' : `it handed over ${known.join(', ')}`
  return {
    ok: false,
    problem: `cannot listen on ${formatBind(missing)}: systemd handed over no socket of that name, ${had} (FileDescriptorName= in the .socket unit)`
  }
}

/** A number is taken as it is; one name may stand for several sockets. */
const socketsOf = (fd: number | string, inherited: InheritedSockets): readonly number[] =>
  typeof fd === 'number' ? (inherited.get(`fd@${fd}`) ?? [fd]) : (inherited.get(fd) ?? [])

function entriesOf(bind: Bind, inherited: InheritedSockets): ListenerEntry[] {
  const common = { acceptProxy: bind.acceptProxy, maxconn: bind.maxconn ?? 0 }
  switch (bind.kind) {
    case 'tcp': {
      const { host, port, v4v6 } = bind
      return [{ ...common, kind: 'tcp', address: host, port, v4v6, interface: bind.interface ?? '' }]
    }
    case 'unix':
      return [{ ...common, kind: 'unix', path: bind.path, mode: bind.mode ?? -1 }]
    case 'fd':
      return socketsOf(bind.fd, inherited).map((fd) => ({ ...common, kind: 'fd', fd }))
  }
}
