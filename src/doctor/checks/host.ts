import type { ServiceConfig } from '../../config/schema.js'
import { defaultWindowMs } from '../../vrrp/hmac.js'
import { type Check, error, warning } from '../finding.js'

/** What this host gives: permissions, descriptors, ports, queues, time. */

const SKEW_MS = 2000

/** Servers of a service, each once: ports are counted for each of them. */
const serversOf = (one: ServiceConfig): number =>
  new Set(one.servers.map(({ address }) => `${address.host} ${address.port}`)).size

export const hostChecks: readonly Check[] = [
  {
    name: 'capabilities',
    title: 'this process may do what vipd needs',
    look: ({ missingCapabilities }) =>
      missingCapabilities.length === 0
        ? []
        : [
            error(
              `${missingCapabilities.join(' and ')} ${missingCapabilities.length === 1 ? 'is' : 'are'} missing`,
              'adverts, ARP and virtual addresses need them; the doctor sees less without them too',
              'run it as root; the unit vipd.service has them by AmbientCapabilities='
            )
          ]
  },
  {
    name: 'open-files',
    title: 'descriptors suffice for maxconn',
    look: ({ shortage }) =>
      shortage === undefined
        ? []
        : [
            warning(
              shortage,
              'a session needs two descriptors, and in bulk two pipes: beyond the limit clients wait in the accept queue',
              'LimitNOFILE= in the unit, or a smaller maxconn'
            )
          ]
  },
  {
    name: 'ephemeral-ports',
    title: 'there are local ports for all sessions to each server',
    look: ({ config, sysctl }) => {
      const [first = Number.NaN, last = Number.NaN] = (sysctl.get('net/ipv4/ip_local_port_range') ?? '')
        .split(/\s+/)
        .map(Number)
      const ports = last - first + 1
      return config.proxy
        .filter((one) => !one.isTransparent && serversOf(one) > 0 && one.maxconn / serversOf(one) > ports)
        .map((one) =>
          warning(
            `${one.name}: maxconn ${one.maxconn} over ${serversOf(one)} servers is more than the ${ports} local ports for each`,
            'further connections to a server fail with EADDRNOTAVAIL',
            'sysctl -w net.ipv4.ip_local_port_range="1024 65535", or several `source` addresses'
          )
        )
    }
  },
  {
    name: 'somaxconn',
    title: 'the kernel does not cut the listen backlog to a few',
    look: ({ config, sysctl }) => {
      const most = Number(sysctl.get('net/core/somaxconn') ?? Number.NaN)
      // That is the kernel's own value since 5.4; before it was 128.
      return config.proxy
        .filter((one) => most < Math.min(one.backlog, 4096))
        .map((one) =>
          warning(
            `net.core.somaxconn is ${most}, ${one.name} wants a backlog of ${one.backlog}`,
            'when all nodes reconnect after a failover, those beyond it repeat their SYN after one, three, seven seconds',
            'sysctl -w net.core.somaxconn=4096'
          )
        )
    }
  },
  {
    name: 'clock-skew',
    title: 'the clock agrees with the servers’',
    look: ({ config, servers }) => {
      const windows = config.vrrp.flatMap(({ authHmac, advertIntMs }) =>
        authHmac === null ? [] : [authHmac.timeWindowMs ?? defaultWindowMs(advertIntMs)]
      )
      return servers
        .filter(({ skewMs }) => Math.abs(skewMs ?? 0) >= SKEW_MS)
        .map(({ address, skewMs = 0 }) => {
          const isFar = windows.some((window) => Math.abs(skewMs) >= window)
          return (isFar ? error : warning)(
            `the clock of ${address} is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead of' : 'behind'} ours`,
            isFar
              ? 'signed adverts (auth_hmac) of a peer with such a clock are refused, and there are two masters'
              : 'certificates and tokens are refused as not yet or no longer valid, and logs cannot be compared',
            'run chrony or systemd-timesyncd on all masters: timedatectl set-ntp true'
          )
        })
    }
  }
]
