import { parse } from 'yaml'
import type { Facts } from '../facts.js'
import type { Files } from './files.js'
import type { ProcessFacts } from './processes.js'

/** What kubeadm put on this host: static pods and kubelet. */

const MANIFESTS = 'etc/kubernetes/manifests'

export async function kubernetesOf(
  files: Files,
  processes: readonly ProcessFacts[]
): Promise<Pick<Facts, 'apiserver' | 'hasEtcd' | 'kubelet'>> {
  const [apiserver, etcd] = await Promise.all([
    files.read(`${MANIFESTS}/kube-apiserver.yaml`),
    files.read(`${MANIFESTS}/etcd.yaml`)
  ])
  const kubelet = processes.find(({ name }) => name === 'kubelet')
  const line = kubelet === undefined ? undefined : await files.read(`proc/${kubelet.pid}/cmdline`)
  return {
    apiserver: apiserver === undefined ? undefined : flagsOf(commandOf(apiserver)),
    hasEtcd: etcd !== undefined,
    kubelet: line === undefined ? undefined : { nodeIp: flagsOf(line.split('\0')).get('node-ip') }
  }
}

/** `--name=value` and `--name value` → name, value; a flag alone is 'true'. The last one counts. */
export function flagsOf(words: readonly string[]): Map<string, string> {
  const flags = new Map<string, string>()
  for (const [i, word] of words.entries()) {
    const [, name, , value] = /^--?([a-z][\w-]*)(=([\s\S]*))?$/.exec(word) ?? []
    if (name === undefined) continue
    const next = words[i + 1]
    flags.set(name, value ?? (next === undefined || next.startsWith('-') || next === '' ? 'true' : next))
  }
  return flags
}

/** command and args of the first container of a pod. */
export function commandOf(manifest: string): string[] {
  let pod: unknown
  try {
    pod = parse(manifest, { maxAliasCount: 10 })
  } catch {
    return []
  }
  const containers = at(at(pod, 'spec'), 'containers')
  const first: unknown = Array.isArray(containers) ? containers[0] : undefined
  return [at(first, 'command'), at(first, 'args')].flatMap((words) => (Array.isArray(words) ? words.map(String) : []))
}

const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
