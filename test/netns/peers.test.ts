import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { seedConfig } from '../lab/config.js'
import { Lab, type LabNode, vip, vipPort } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { Vipd, vipdProgram } from '../lab/vipd.js'
import { pause, poll } from '../lab/wait.js'

/** The channel between the nodes: what each knows of the others, and what becomes of idle clients when a master is gone. */

t.setTimeout(180_000)
const skip = whyNoLab([]) ?? false
const IDLE = 50
const PORT = 8405

/** Two nodes that may be master, and idle clients of the first. */
async function setUp(t: Test, hasPeers: boolean) {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const { masters, owners } = lab
  const [m1, m2] = masters
  const key = join(lab.folder, 'peers.key')
  writeFileSync(key, '00112233445566778899aabbccddeeff\n', { mode: 0o600 })
  const nodes = [m1, m2].map(({ address }) => `${address}:${PORT}`)
  const configOf = (node: LabNode, priority: number): string => {
    const config = JSON.parse(seedConfig(lab, node, { priority })) as Record<string, unknown>
    return JSON.stringify(
      hasPeers ? { ...config, peers: { listen: `${node.address}:${PORT}`, key_file: key, nodes } } : config
    )
  }
  for (const node of masters) await lab.startApiserver(node)
  await lab.watchOwners()
  const first = lab.ending(new Vipd(lab, m1, configOf(m1, 100)))
  const second = lab.ending(new Vipd(lab, m2, configOf(m2, 88)))
  await Promise.all([first.start(), second.start()])
  await owners.until(['m1'], 12_000)
  await first.untilServer('apiserver03', 'UP', 10_000)
  const program = fileURLToPath(new URL('../lab/idlers.js', import.meta.url))
  const argv = [process.execPath, program, vip, String(vipPort), String(IDLE)]
  const ended: { readonly code: string; readonly at: number }[] = []
  const idlers = lab.start(lab.client, argv, {
    keep: 200,
    onLine: (line) => {
      const [, code = '', at = ''] = /^ended (\S+) (\S+)$/.exec(line) ?? []
      if (code !== '') ended.push({ code, at: Number(at) })
    }
  })
  await idlers.line(/^open 50$/, 10_000)
  const status = async (vipd: Vipd): Promise<{ peers: Peers }> => (await vipd.status()) as unknown as { peers: Peers }
  return { lab, owners, m1, first, second, ended, status }
}

interface Peers {
  readonly tickled: number
  readonly nodes: readonly { is_heard: boolean; error: string | null; clients: number; view: View | null }[]
}
interface View {
  readonly vrrp: readonly { state: string; virtual_ipaddress: readonly string[] }[]
}

t.test(
  'the master loses power: its idle clients are reset as soon as another node has the address',
  { skip },
  async (t) => {
    const { lab, owners, m1, second, ended, status } = await setUp(t, true)
    await poll(async () => (await status(second)).peers.nodes[0]?.clients === IDLE, 8000, 'its clients known')
    t.match((await status(second)).peers, {
      nodes: [{ is_heard: true, error: null, view: { vrrp: [{ state: 'MASTER', virtual_ipaddress: [`${vip}/32`] }] } }]
    })
    // What it shows of the other node comes by a message of its own, later than the clients.
    const shows = async (words: RegExp): Promise<boolean> =>
      words.test(await lab.run(second.node, [process.execPath, vipdProgram, 'status', '--socket', second.socket]))
    t.ok(await shows(/NODES channel at 10\.32\.137\.27:8405/))
    const view = /VI_1 MASTER \(priority 100\), https-apiserver: 50 sessions, 3 of 3 servers UP/
    await poll(() => shows(view), 8000, 'the other node with its sessions')
    lab.unplug(m1)
    const takenAt = await taken(owners)
    await poll(() => ended.length === IDLE, 5000, `${IDLE} clients told; ${ended.length} are`)
    const worst = Math.max(...ended.map(({ at }) => at)) - takenAt
    t.comment(`${IDLE} idle clients: all reset within ${worst.toFixed(1)} ms of the takeover`)
    t.ok(ended.every(({ code }) => code === 'ECONNRESET'))
    const metrics = await status(second)
    t.ok(metrics.peers.tickled >= IDLE)
    await poll(async () => (await status(second)).peers.nodes[0]?.error !== null, 15_000, 'the node seen to be gone')
  }
)

t.test('without the channel none of them hears anything', { skip }, async (t) => {
  const { lab, owners, m1, ended } = await setUp(t, false)
  lab.unplug(m1)
  await taken(owners)
  await pause(3000)
  t.equal(ended.length, 0)
})

t.test('a master that goes in order tells them itself, before its address goes', { skip }, async (t) => {
  const { lab, owners, m1, first, ended } = await setUp(t, false)
  await lab.run(m1, [process.execPath, vipdProgram, 'failover', '--socket', first.socket])
  await poll(() => ended.length === IDLE, 5000, `${IDLE} clients told; ${ended.length} are`)
  const goneAt = owners.holdings.find(({ node }) => node === 'm1')?.until ?? 0
  const worst = Math.max(...ended.map(({ at }) => at)) - goneAt
  t.comment(`${IDLE} idle clients: the last one was told ${worst.toFixed(1)} ms after the address had gone`)
  t.ok(ended.every(({ code }) => code === 'ECONNRESET'))
  await poll(async () => (await first.status()).proxy[0]?.sessions.current === 0, 2000, 'no session left')
})

/** When m2 had the address; the other one, which is alone now, believes that it still has it. */
const taken = (owners: Lab['owners']): Promise<number> =>
  poll(() => owners.takenAfter('m2', 0) ?? false, 8000, 'm2 has taken over')
