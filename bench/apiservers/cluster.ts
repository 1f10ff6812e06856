import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Child } from '../../test/lab/child.js'
import { Lab, type LabNode, vip, vipPort } from '../../test/lab/lab.js'
import { socketOf, Vipd } from '../../test/lab/vipd.js'
import { poll } from '../../test/lab/wait.js'
import { importSeed, withSocket } from '../demo/config.js'
import { type Certificates, makeCertificates } from './certificates.js'

const TOKEN = 'bench-admin-token'

export interface Master {
  readonly node: LabNode
  readonly vipd: Vipd
  readonly apiserver: Child
}

/** Three real kube-apiservers over one etcd on the seed's addresses, and a vipd with the seed's configuration on each master. */
export class Cluster {
  readonly lab: Lab
  readonly masters: readonly Master[]
  /** For anybody in the client's namespace; its server is the VIP. */
  readonly kubeconfig: string
  /** Its authority, and the token that may do everything. */
  readonly ca: string
  readonly token = TOKEN

  private constructor(lab: Lab, masters: readonly Master[], kubeconfig: string, ca: string) {
    this.lab = lab
    this.masters = masters
    this.kubeconfig = kubeconfig
    this.ca = ca
  }

  /** @param say where it has got to; starting takes about half a minute */
  static async start(program: string, say: (text: string) => void): Promise<Cluster> {
    const lab = new Lab()
    try {
      const { client } = lab
      say('certificates')
      const certificates = await makeCertificates(lab.folder, lab.masters)
      say('etcd')
      const url = `http://${client.address}:2379`
      const etcd = ['etcd', '--data-dir', join(lab.folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'warn']
      const urls = [
        '--listen-client-urls',
        url,
        '--advertise-client-urls',
        url,
        '--listen-peer-urls',
        'http://127.0.0.1:2380'
      ]
      lab.start(client, [...etcd, ...urls], { logFile: join(lab.folder, 'etcd.log') })
      say('three kube-apiservers, about 320 MB each')
      const apiservers = lab.masters.map((node) => startApiserver(lab, node, program, url, certificates))
      await Promise.all(lab.masters.map((node, index) => isReady(lab, node, apiservers[index])))
      say('three vipd, with the seed’s configuration as vipd import makes it')
      const [first, other] = await Promise.all([importSeed('master', lab.folder), importSeed('backup', lab.folder)])
      const vipds = lab.masters.map((node, index) =>
        lab.ending(new Vipd(lab, node, withSocket((index === 0 ? first : other).yaml, socketOf(lab, node))))
      )
      await Promise.all(vipds.map((vipd) => vipd.start()))
      await vipds[0]?.untilHeld(20_000)
      const kubeconfig = writeKubeconfig(lab.folder, certificates.ca)
      const masters = lab.masters.flatMap((node, index) => {
        const [vipd, apiserver] = [vipds[index], apiservers[index]]
        return vipd === undefined || apiserver === undefined ? [] : [{ node, vipd, apiserver }]
      })
      return new Cluster(lab, masters, kubeconfig, certificates.ca)
    } catch (error) {
      await lab.close()
      throw error
    }
  }

  /** A program in the client's namespace, with KUBECONFIG set. */
  startClient(argv: readonly string[], onLine?: (line: string) => void): Child {
    const env = {
      KUBECONFIG: this.kubeconfig,
      KUBECACHEDIR: join(this.lab.folder, 'kube-cache'),
      HOME: this.lab.folder
    }
    return this.lab.start(this.lab.client, argv, { env, keep: 200, ...(onLine !== undefined && { onLine }) })
  }

  async close(): Promise<void> {
    await this.lab.close()
  }
}

function startApiserver(lab: Lab, node: LabNode, program: string, etcd: string, certificates: Certificates): Child {
  const own = certificates.servers.get(node.name)
  if (own === undefined) throw new Error(`no certificate for ${node.name}`)
  const tokens = join(lab.folder, 'tokens.csv')
  writeFileSync(tokens, `${TOKEN},kubernetes-admin,kubernetes-admin,system:masters\n`, { mode: 0o600 })
  const { serviceAccountKey } = certificates
  const flags = {
    'etcd-servers': etcd,
    'advertise-address': node.address,
    'bind-address': node.address,
    'secure-port': '6443',
    'tls-cert-file': own.cert,
    'tls-private-key-file': own.key,
    'token-auth-file': tokens,
    'authorization-mode': 'RBAC',
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-signing-key-file': serviceAccountKey,
    'service-account-key-file': serviceAccountKey,
    'service-cluster-ip-range': '10.96.0.0/12',
    'shutdown-delay-duration': '5s',
    'cert-dir': join(lab.folder, `apiserver-${node.name}`)
  }
  const argv = [program, ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)]
  return lab.start(node, argv, { logFile: join(lab.folder, `apiserver-${node.name}.log`), keep: 100 })
}

async function isReady(lab: Lab, node: LabNode, apiserver: Child | undefined): Promise<void> {
  const asks = async (): Promise<boolean> => {
    if (apiserver?.exit !== undefined) throw new Error(`kube-apiserver on ${node.name} ended:\n${apiserver.tail(15)}`)
    const url = `https://${node.address}:6443/readyz`
    const said = await lab
      .run(node, ['curl', '-sk', '--max-time', '2', '-H', `Authorization: Bearer ${TOKEN}`, url])
      .catch(() => '')
    return said === 'ok'
  }
  await poll(asks, 120_000, `kube-apiserver on ${node.name} being ready; it printed:\n${apiserver?.tail(10)}`, 500)
}

function writeKubeconfig(folder: string, ca: string): string {
  const file = join(folder, 'kubeconfig')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bench', cluster: { server: `https://${vip}:${vipPort}`, 'certificate-authority': ca } }],
    users: [{ name: 'admin', user: { token: TOKEN } }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'admin' } }],
    'current-context': 'bench'
  }
  writeFileSync(file, JSON.stringify(config, null, 2), { mode: 0o600 })
  return file
}
