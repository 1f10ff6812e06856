import { formatHostPort } from '../../base/ip.js'
import type { Facts } from '../facts.js'
import { type Check, error, note, warning } from '../finding.js'

/** The services and their servers, as clients will meet them. */

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const EXPIRES_SOON_DAYS = 30
const APISERVER_PORT = 6443

const vips = ({ config }: Facts): string[] => [
  ...new Set(config.vrrp.flatMap((one) => one.virtualIpaddress.map(({ address }) => address)))
]

/** A wildcard stands for addresses in no certificate. */
const isNamed = (names: readonly string[], address: string): boolean => names.includes(address)

export const proxyChecks: readonly Check[] = [
  {
    name: 'certificate-san',
    title: 'the servers’ certificates name the virtual address',
    look: (facts) =>
      facts.servers.flatMap(({ address, certificate }) =>
        vips(facts)
          .filter((vip) => certificate !== undefined && !isNamed(certificate.names, vip))
          .map((vip) =>
            error(
              `the certificate of ${address} does not name ${vip}`,
              'clients that connect by the virtual address refuse it: x509: certificate is valid for …, not for …',
              `certSANs: [ "${vip}" ] in kubeadm’s ClusterConfiguration; rm /etc/kubernetes/pki/apiserver.{crt,key}; kubeadm init phase certs apiserver --config FILE; restart the apiserver`
            )
          )
      )
  },
  {
    name: 'certificate-days',
    title: 'the servers’ certificates are valid for a while yet',
    look: ({ servers, nowMs }) =>
      servers.flatMap(({ address, certificate }) => {
        if (certificate === undefined) return []
        const days = Math.floor((certificate.notAfterMs - nowMs) / DAY_MS)
        if (days >= EXPIRES_SOON_DAYS) return []
        return [
          (days < 0 ? error : warning)(
            `the certificate of ${address} ${days < 0 ? `expired ${-days} days ago` : `expires in ${days} days`}`,
            'from then on every client refuses it',
            'kubeadm certs renew all, then restart the static pods'
          )
        ]
      })
  },
  {
    name: 'readyz',
    title: 'the servers answer the check as they should',
    look: ({ servers }) =>
      servers.flatMap(({ address, status, problem }) => {
        if (problem !== undefined) {
          return [
            error(
              `${address} does not answer: ${problem}`,
              'no client is sent there',
              'its log, and the network between'
            )
          ]
        }
        if (status === undefined || (status >= 200 && status < 400)) return []
        if (status === 401 || status === 403) {
          return [
            warning(
              `${address} answers the check with ${status}`,
              'it is alive, but whether it is ready is not told to us',
              'token_file or crt_file and key_file under check; or let anonymous ask /readyz'
            )
          ]
        }
        return [
          error(
            `${address} answers the check with ${status}`,
            'it is not ready: no client is sent there',
            `curl -k https://${address}/readyz?verbose`
          )
        ]
      })
  },
  {
    name: 'idle-timeout',
    title: 'no timeout cuts watches, logs and exec',
    look: ({ config }) =>
      config.proxy.flatMap((one) => {
        const { clientMs, serverMs, tunnelMs } = one.timeout
        const limit =
          tunnelMs > 0 ? tunnelMs : Math.min(clientMs || Number.POSITIVE_INFINITY, serverMs || Number.POSITIVE_INFINITY)
        if (limit >= HOUR_MS) return []
        return [
          warning(
            `${one.name} ends sessions that are quiet for ${limit / 1000} s`,
            'kubectl logs -f and exec are quiet while nothing happens, and are cut',
            'leave out timeout client, server and tunnel: dead peers are found by keepalive'
          )
        ]
      })
  },
  {
    name: 'check-type',
    title: 'apiservers are asked whether they are ready',
    look: ({ config }) =>
      config.proxy.flatMap((one) => {
        const servers = one.servers.filter(
          ({ address, check }) => address.port === APISERVER_PORT && (check === null || check.type === 'tcp')
        )
        const first = servers[0]
        if (first === undefined) return []
        return [
          note(
            `${one.name}: ${servers.map(({ name }) => name).join(', ')} ${servers.length === 1 ? 'is' : 'are'} ${first.check === null ? 'not checked' : 'checked by TCP alone'}`,
            `an apiserver without etcd, or one that is ending, still takes connections on ${formatHostPort(first.address)}`,
            'check: { type: https, uri: /readyz, ca_file: /etc/kubernetes/pki/ca.crt } under default_server'
          )
        ]
      })
  }
]
