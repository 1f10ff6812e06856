import { parseArgs } from 'node:util'
import { vip, vipPort } from '../../test/lab/lab.js'
import { ensurePackages } from '../../test/lab/packages.js'
import { nowMs, pause } from '../../test/lab/wait.js'
import { ready, table } from '../report/table.js'
import { Cluster } from './cluster.js'
import { faults } from './faults.js'
import { Kubectl } from './kubectl.js'
import { kubeApiserver, kubectl } from './programs.js'

/** `npm run bench:apiservers`: a real control plane behind three vipd, and what kubectl sees while masters die. */

const usage = `npm run bench:apiservers -- [options]     (root)

Three kube-apiservers and an etcd on the seed's addresses in network namespaces, a vipd on each master, and kubectl that gets,
patches and watches through the VIP while masters die. About 1.2 GB of memory. kube-apiserver 1.20 is built once from Debian's source
package (some minutes) and kept in ~/.cache/vipd.

  --kube-apiserver FILE   takes this one instead
  --keep                  no faults: leaves the cluster up until Ctrl-C, and says how to use it`

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      'kube-apiserver': { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  if (!ready(ensurePackages(['iproute2', 'openssl', 'curl', 'etcd-server']))) return 1
  const [program, client] = [await kubeApiserver(values['kube-apiserver']), kubectl()]
  const cluster = await Cluster.start(program, (text) => console.log(`… ${text}`))
  try {
    if (values.keep) await keep(cluster)
    else await play(cluster, client)
    return 0
  } finally {
    await cluster.close()
  }
}

async function keep(cluster: Cluster): Promise<void> {
  const enter = `ip netns exec ${cluster.lab.client.namespace}`
  console.log(`
The cluster is up behind https://${vip}:${vipPort}. From another shell:
  ${enter} env KUBECONFIG=${cluster.kubeconfig} kubectl get namespaces
  ${enter} npm run bench -- --target https://${vip}:${vipPort} --kubeconfig ${cluster.kubeconfig}
Ctrl-C ends it.`)
  for (;;) await pause(60_000)
}

async function play(cluster: Cluster, client: string): Promise<void> {
  const [first, second, third] = cluster.masters
  if (first === undefined || second === undefined || third === undefined) throw new Error('a cluster has three masters')
  const kube = new Kubectl(cluster, client)
  await kube.start()
  console.log('kubectl gets, patches and watches through the VIP')
  const rows: string[][] = []
  const note = (title: string, from: number): void => {
    for (const { verb, done, failed, longestGapMs, lastError } of kube.seen(from, nowMs()))
      rows.push([
        title,
        verb,
        String(done),
        String(failed),
        `${Math.round(longestGapMs)} ms`,
        lastError?.slice(0, 90) ?? ''
      ])
  }
  const calm = nowMs()
  await pause(8000)
  note('nothing', calm)
  // m1 is master; then m2 and m3 are equal in priority, and the higher address wins: m3. m2's apiserver goes first, so m1's and m3's are left, then m1's alone.
  const victims = [second, first, third]
  for (const [index, fault] of faults.entries()) {
    const victim = victims[index]
    if (victim === undefined) continue
    console.log(`${fault.title}: ${victim.node.name}`)
    const from = nowMs()
    fault.inject(victim)
    await pause(fault.waitMs)
    note(fault.title, from)
  }
  await kube.stop()
  const { patched, seen, restarts } = kube.watched()
  console.log(`\n${table(['fault', 'kubectl', 'done', 'failed', 'longest gap', 'last error'], rows)}`)
  const verdict = seen === patched ? 'the watch saw the last one' : `the watch saw ${seen} of them`
  console.log(`\n${patched} patches, ${verdict}; it was started anew ${restarts} times.`)
}
