import type { ServiceConfig } from '../../config/schema.js'
import type { Facts } from '../facts.js'
import { type Check, error, note, warning } from '../finding.js'

/** The control plane around it: addresses that must not be the virtual one, and flags of the apiserver that a load balancer depends on. */

const IPVS = 'kube-ipvs0'

const vips = ({ config }: Facts): string[] => [
  ...new Set(config.vrrp.flatMap((one) => one.virtualIpaddress.map(({ address }) => address)))
]

const seconds = (value: string): number => {
  const units = { h: 3600, m: 60, s: 1, ms: 0.001 } as const
  const parts = [...value.matchAll(/([\d.]+)(ms|h|m|s)/g)]
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0)
}

/** Apiservers of a service, each host once. */
const mastersOf = (one: ServiceConfig): number =>
  new Set(one.servers.filter(({ address }) => address.port === 6443).map(({ address }) => address.host)).size

const MANIFEST = '/etc/kubernetes/manifests/kube-apiserver.yaml'

export const kubernetesChecks: readonly Check[] = [
  {
    name: 'kube-ipvs0',
    title: `${IPVS} does not hold a virtual address`,
    look: (facts) => {
      const held = facts.links.find(({ name }) => name === IPVS)?.addresses.map(({ address }) => address) ?? []
      return vips(facts)
        .filter((address) => held.includes(address))
        .map((address) =>
          error(
            `${address} is on ${IPVS}`,
            'kube-proxy in IPVS mode took it for a service (externalIPs or loadBalancerIP): this node talks to itself instead of the master',
            `remove ${address} from the Service that names it: kubectl get services -A | grep ${address}`
          )
        )
    }
  },
  {
    name: 'node-ip',
    title: 'kubelet does not take a virtual address for the node’s',
    look: (facts) => {
      const { kubelet } = facts
      if (kubelet === undefined || vips(facts).length === 0) return []
      if (kubelet.nodeIp === undefined) {
        return [
          note(
            'kubelet has no --node-ip',
            'it chooses an address by itself at its start; vipd marks the virtual one as deprecated so that it is not chosen, other programs that look at all addresses may not heed that',
            'KUBELET_EXTRA_ARGS=--node-ip=ADDRESS in /etc/default/kubelet, then systemctl restart kubelet'
          )
        ]
      }
      if (!vips(facts).includes(kubelet.nodeIp)) return []
      return [
        error(
          `kubelet has --node-ip=${kubelet.nodeIp}, the virtual address`,
          'the node’s address moves away with the master',
          '--node-ip with the node’s own address in /etc/default/kubelet, then systemctl restart kubelet'
        )
      ]
    }
  },
  {
    name: 'advertise-address',
    title: 'the apiserver does not advertise a virtual address',
    look: (facts) => {
      const address = facts.apiserver?.get('advertise-address')
      if (address === undefined || !vips(facts).includes(address)) return []
      return [
        error(
          `kube-apiserver has --advertise-address=${address}, the virtual address`,
          'all apiservers register themselves under one address, and pods reach that of the master alone',
          `--advertise-address with the node’s own in ${MANIFEST}`
        )
      ]
    }
  },
  {
    name: 'shutdown-delay',
    title: 'the apiserver tells of its end before it ends',
    look: ({ apiserver }) => {
      if (apiserver === undefined || seconds(apiserver.get('shutdown-delay-duration') ?? '0s') > 0) return []
      return [
        warning(
          'kube-apiserver has no --shutdown-delay-duration',
          'it stops to listen at once when it is restarted: new connections fail until a check has seen it; with a delay /readyz says so before',
          `--shutdown-delay-duration=15s in ${MANIFEST}, and a check of type https on /readyz`
        )
      ]
    }
  },
  {
    name: 'goaway-chance',
    title: 'clients of the apiserver move to another one from time to time',
    look: ({ apiserver, config }) => {
      const isOnlyOne = config.proxy.every((one) => one.servers.length < 2)
      if (apiserver === undefined || isOnlyOne || Number(apiserver.get('goaway-chance') ?? 0) > 0) return []
      return [
        note(
          'kube-apiserver has no --goaway-chance',
          'HTTP/2 clients keep one connection for days: after a rolling restart the one that came first has most of them',
          `--goaway-chance=0.001 in ${MANIFEST} on all masters; or rebalance: {} in the service`
        )
      ]
    }
  },
  {
    name: 'anonymous-auth',
    title: 'the check of /readyz may ask what it asks',
    look: ({ apiserver, config }) => {
      if (apiserver?.get('anonymous-auth') !== 'false') return []
      const checks = config.proxy.flatMap((one) => one.servers.map(({ check }) => check))
      const isAnonymous = checks.some(
        (check) => check?.http?.isTls === true && check.http.tokenFile === null && check.http.crtFile === null
      )
      if (!isAnonymous) return []
      return [
        warning(
          'kube-apiserver has --anonymous-auth=false, and a check asks without token or certificate',
          'it is answered 401: the server is taken to be alive, and nobody knows whether it is ready',
          'token_file or crt_file and key_file under check'
        )
      ]
    }
  },
  {
    name: 'etcd-members',
    title: 'etcd survives the loss of a member',
    look: ({ hasEtcd, config }) =>
      hasEtcd && config.proxy.some((one) => mastersOf(one) === 2)
        ? [
            warning(
              'there are two masters, each with a member of etcd',
              'with either of them gone there is no majority and no writing: two are less available than one',
              'a third master'
            )
          ]
        : []
  }
]
