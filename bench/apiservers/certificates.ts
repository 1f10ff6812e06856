import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type LabNode, vip } from '../../test/lab/lab.js'

const run = promisify(execFile)

export interface Certificates {
  readonly ca: string
  /** Of the key with which tokens of service accounts are signed. */
  readonly serviceAccountKey: string
  /** Each apiserver's own, by node name. */
  readonly servers: ReadonlyMap<string, { readonly cert: string; readonly key: string }>
}

/** What kubeadm would have made: an authority, and for each apiserver a certificate with the cluster's names and addresses. */
export async function makeCertificates(folder: string, nodes: readonly LabNode[]): Promise<Certificates> {
  const pki = join(folder, 'pki')
  mkdirSync(pki, { recursive: true })
  const at = (name: string): string => join(pki, name)
  const openssl = async (...words: string[]): Promise<void> => {
    await run('openssl', words, { timeout: 20_000 })
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const ca = [
    'req',
    '-x509',
    ...key,
    '-days',
    '7',
    '-subj',
    '/CN=kubernetes',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.crt')
  ]
  await openssl(...ca)
  // The apiserver of 1.20 signs tokens of service accounts with RSA.
  await openssl('genrsa', '-traditional', '-out', at('sa.key'), '2048')
  const servers = new Map<string, { cert: string; key: string }>()
  for (const node of nodes) {
    const own = { cert: at(`${node.name}.crt`), key: at(`${node.name}.key`) }
    const names = [
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      node.name
    ]
    const alternatives = [
      ...names.map((name) => `DNS:${name}`),
      ...['10.96.0.1', node.address, vip].map((ip) => `IP:${ip}`)
    ]
    const extensions = at(`${node.name}.ext`)
    writeFileSync(extensions, `subjectAltName=${alternatives.join(',')}\nextendedKeyUsage=serverAuth\n`)
    const request = at(`${node.name}.csr`)
    await openssl('req', ...key, '-subj', '/CN=kube-apiserver', '-keyout', own.key, '-out', request)
    const sign = [
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      at('ca.crt'),
      '-CAkey',
      at('ca.key'),
      '-CAcreateserial',
      '-days',
      '7'
    ]
    await openssl(...sign, '-extfile', extensions, '-out', own.cert)
    servers.set(node.name, own)
  }
  return { ca: at('ca.crt'), serviceAccountKey: at('sa.key'), servers }
}
