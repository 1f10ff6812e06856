import { clashes } from '../../base/bind.js'
import { formatHostPort } from '../../base/ip.js'
import type { Facts, IncumbentFacts } from '../facts.js'
import { type Check, error, type Found, warning } from '../finding.js'

/** Who else wants the addresses and ports: the programs that vipd replaces, and managers of the network. */

function besides(facts: Facts, name: IncumbentFacts['name'], why: string): Found[] {
  const found = facts.incumbents.find((one) => one.name === name)
  if (found === undefined) return []
  if (found.pids.length > 0) {
    return [error(`${name} runs here (pid ${found.pids.join(', ')})`, why, `systemctl disable --now ${name}`)]
  }
  if (!found.isEnabled) return []
  return [
    warning(`${name}.service is enabled`, `it starts at the next boot, and then ${why}`, `systemctl disable ${name}`)
  ]
}

/** Interfaces whose addresses a manager takes away when it is restarted or told to reconfigure. */
const flushed = (facts: Facts, { isActive, flushes }: Facts['networkd']): string[] =>
  isActive ? [...new Set(facts.config.vrrp.map((one) => one.interface))].filter((name) => flushes.has(name)) : []

const BLINK =
  'the virtual address goes with its restart; vipd adds it again at once, clients may see a moment without it'

export const incumbentChecks: readonly Check[] = [
  {
    name: 'keepalived',
    title: 'keepalived neither runs nor is enabled',
    look: (facts) =>
      facts.config.vrrp.length === 0
        ? []
        : besides(
            facts,
            'keepalived',
            'two of one host take part in the election, and each deletes what the other adds'
          )
  },
  {
    name: 'haproxy',
    title: 'haproxy neither runs nor is enabled',
    look: (facts) =>
      facts.config.proxy.length === 0 ? [] : besides(facts, 'haproxy', 'one of both does not get the port')
  },
  {
    name: 'port-taken',
    title: 'nobody else listens where a service is to listen',
    look: ({ config, listeners }) =>
      config.proxy.flatMap((one) =>
        one.bind.flatMap((bind) => {
          if (bind.kind !== 'tcp') return []
          const taken = listeners.find(({ host, port }) => {
            const family = host.includes(':') ? 6 : 4
            // A socket on [::] takes IPv4 too, unless it was told otherwise: that cannot be seen here.
            const other = { ...bind, host, port, family, interface: null, v4v6: host === '::' } as const
            return clashes(bind, other)
          })
          if (taken === undefined) return []
          const who = taken.program ?? 'another program'
          const isApiserver = who.startsWith('kube-apiserver')
          return [
            error(
              `${who} listens on ${formatHostPort(taken)}; ${one.name} is to listen on ${formatHostPort(bind)}`,
              'vipd does not get the port, and stays away from the virtual address',
              isApiserver
                ? `another port for the service, as 8443; or bind-address: the node’s own in kube-apiserver’s manifest`
                : `end ${who}, or bind another port`
            )
          ]
        })
      )
  },
  {
    name: 'networkd',
    title: 'systemd-networkd leaves addresses alone that it did not add',
    look: (facts) =>
      flushed(facts, facts.networkd).map((name) =>
        warning(
          `systemd-networkd manages ${name} and removes addresses of others`,
          BLINK,
          `KeepConfiguration=static under [Network] in the .network file of ${name}`
        )
      )
  },
  {
    name: 'network-manager',
    title: 'NetworkManager leaves addresses alone that it did not add',
    look: (facts) =>
      flushed(facts, facts.networkManager).map((name) =>
        warning(
          `NetworkManager manages ${name}`,
          BLINK,
          `nmcli device set ${name} managed no, or leave it and do not reapply the connection while this node is master`
        )
      )
  }
]
