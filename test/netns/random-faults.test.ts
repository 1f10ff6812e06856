import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Child } from '../lab/child.js'
import { type Fault, type Scheduled, schedule, suffer } from '../lab/faults.js'
import { Lab, type LabNode, vip, vipPort } from '../lab/lab.js'
import { ip } from '../lab/namespaces.js'
import { whyNoLab } from '../lab/packages.js'
import { socketOf, Vipd, vipdProgram } from '../lab/vipd.js'
import { nowMs, pause, poll } from '../lab/wait.js'

/**
 * What goes wrong, at random, several at once, under load; what may not happen, whatever goes wrong. The same again by its seed:
 * `VIPD_SEED=4711 VIPD_SECONDS=600 node dist/test/netns/random-faults.test.js`.
 */

const count = (name: string, fallback: number): number => Number(process.env[name] ?? fallback)
const SEED = count('VIPD_SEED', 20261128)
const SECONDS = count('VIPD_SECONDS', 40)
t.setTimeout((SECONDS + 120) * 1000)
const skip = whyNoLab(['nftables']) ?? false
const ECHO_PORT = 7000

/** Nobody has the address for at most: three adverts, the skew of the last node, its start, and what a busy machine adds. */
const VACANCY_MS = 8000
/** Two have it, where they hear each other: the lease. */
const OVERLAP_MS = 700

interface Node {
  readonly lab: LabNode
  readonly vipd: Vipd
  echo: Child
  /** It shall run: nobody but the test ends it. */
  isMeant: boolean
}

t.test(`seed ${SEED}, ${SECONDS} s`, { skip }, async (t) => {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const program = (name: string): string => fileURLToPath(new URL(`../lab/${name}.js`, import.meta.url))
  const startEcho = async (node: LabNode): Promise<Child> => {
    const echo = lab.start(node, [process.execPath, program('echo'), node.address, String(ECHO_PORT)])
    await echo.line(/listening/, 10_000)
    return echo
  }
  const configOf = (node: LabNode, priority: number): string =>
    JSON.stringify({
      admin: { socket: socketOf(lab, node) },
      vrrp: [
        {
          name: 'VI_1',
          interface: 'bond0',
          virtual_router_id: 88,
          priority,
          advert_int: 1,
          authentication: { auth_type: 'PASS', auth_pass: '1111' },
          virtual_ipaddress: [vip]
        }
      ],
      proxy: [
        {
          name: 'service',
          bind: [`${vip}:${vipPort}`],
          redispatch: true,
          timeout: { connect: '1s' },
          default_server: { check: { type: 'tcp', inter: 300, rise: 1, fall: 2 } },
          servers: lab.masters.map((one) => ({ name: one.name, address: `${one.address}:${ECHO_PORT}` }))
        }
      ]
    })
  const nodes: Node[] = []
  for (const [i, one] of lab.masters.entries()) {
    const vipd = lab.ending(new Vipd(lab, one, configOf(one, 100 - i * 12)))
    nodes.push({ lab: one, vipd, echo: await startEcho(one), isMeant: true })
  }
  await lab.watchOwners()
  const { owners } = lab
  await Promise.all(nodes.map(({ vipd }) => vipd.start()))
  await owners.until(['m1'], 15_000)
  const pids = new Set<number>()
  t.teardown(() => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended already.
      }
    }
  })
  const pidOf = async ({ vipd }: Node): Promise<number | undefined> => {
    const status = await vipd.status(1000).catch(() => undefined)
    if (status !== undefined) pids.add(status.pid)
    return status?.pid
  }
  const signal = async (node: Node, name: NodeJS.Signals): Promise<void> => {
    const pid = await pidOf(node)
    if (pid !== undefined) process.kill(pid, name)
  }
  /** As a service manager: what is gone is started again. */
  const again = async (node: Node): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      if ((await pidOf(node)) !== undefined) return
      if (
        await node.vipd.start(20_000).then(
          () => true,
          () => false
        )
      )
        break
      await pause(500)
    }
    await pidOf(node)
  }
  const nft = (node: Node, rules: string): string =>
    execFileSync('ip', ['netns', 'exec', node.lab.namespace, 'nft', rules], { encoding: 'utf8' })
  const table =
    'add table ip faults; add chain ip faults in { type filter hook input priority 0; }; add chain ip faults out { type filter hook output priority 0; }; '
  const filtered = (node: Node, name: string, rules: readonly string[], parts: boolean): Fault => ({
    name,
    parts,
    begin: () => void nft(node, table + rules.map((rule) => `add rule ip faults ${rule}`).join('; ')),
    end: () => void nft(node, 'delete table ip faults')
  })
  const kinds: ((node: Node, one: Scheduled) => Fault)[] = [
    (node) => ({ name: 'kill -9', begin: () => signal(node, 'SIGKILL'), end: () => again(node) }),
    (node) => ({ name: 'SIGTERM', begin: () => signal(node, 'SIGTERM'), end: () => again(node) }),
    (node) => ({ name: 'SIGSTOP', begin: () => signal(node, 'SIGSTOP'), end: () => signalAll(node, 'SIGCONT') }),
    (node) => ({ name: 'cable pulled', begin: () => lab.unplug(node.lab), end: () => lab.plug(node.lab) }),
    (node) =>
      filtered(node, '30 % loss', ['in numgen random mod 100 < 30 drop', 'out numgen random mod 100 < 30 drop'], true),
    (node) => filtered(node, 'adverts do not leave', ['out ip protocol 112 drop'], true),
    (node) => filtered(node, 'adverts do not come', ['in ip protocol 112 drop'], true),
    (node) => filtered(node, 'servers in a black hole', [`out tcp dport ${ECHO_PORT} drop`], false),
    (node) => ({
      name: 'its server ends',
      begin: async () => void (await node.echo.stop('SIGKILL')),
      end: async () => {
        node.echo = await startEcho(node.lab)
      }
    }),
    (node) => ({
      name: 'the address is deleted',
      begin: () => {
        if (owners.holds(node.lab.name)) ip(['-n', node.lab.namespace, 'address', 'del', `${vip}/32`, 'dev', 'bond0'])
      },
      end: () => undefined
    }),
    (node) => ({ name: 'reloads', begin: () => signal(node, 'SIGHUP'), end: () => signal(node, 'SIGHUP') }),
    (node) => ({
      name: 'upgrade',
      begin: async () => {
        const argv = [process.execPath, vipdProgram, 'upgrade', '--socket', node.vipd.socket]
        await lab.run(node.lab, argv, 30_000).catch(() => '')
        await pidOf(node)
      },
      end: () => again(node)
    })
  ]
  /** Of a process that does not answer its number is known from before. */
  const signalAll = async (_: Node, name: NodeJS.Signals): Promise<void> => {
    for (const pid of pids) {
      try {
        process.kill(pid, name)
      } catch {
        pids.delete(pid)
      }
    }
  }

  const visits = lab.start(lab.client, [process.execPath, program('visitors'), vip, String(vipPort), '40'], {
    keep: 50
  })
  const parted: { readonly from: number; to: number }[] = []
  const told: string[] = []
  const began = nowMs()
  for (const node of nodes) await pidOf(node)
  await suffer(
    schedule(SEED, SECONDS * 1000, nodes.length, kinds.length),
    (one) => {
      const [node, kind] = [nodes[one.node], kinds[one.kind]]
      if (node === undefined || kind === undefined) throw new Error('no such node')
      return kind(node, one)
    },
    (one, fault, what) => {
      told.push(`${((nowMs() - began) / 1000).toFixed(1)} s ${nodes[one.node]?.lab.name}: ${fault.name} ${what}`)
      if (fault.parts !== true) return
      if (what === 'begins') parted.push({ from: nowMs(), to: Number.POSITIVE_INFINITY })
      else for (const window of parted) if (window.to === Number.POSITIVE_INFINITY) window.to = nowMs() + 4500
    }
  )
  t.comment(`${told.length / 2} faults:\n  ${told.filter((line) => line.endsWith('begins')).join('\n  ')}`)

  await t.test('when all is well again there is one owner, the best one, and clients are answered', async (t) => {
    for (const node of nodes) await again(node)
    const since = nowMs()
    await owners.until(['m1'], 20_000)
    t.equal((await nodes[0]?.vipd.instance())?.state, 'MASTER')
    await visits.line(/^ok/, 5000)
    const before = tallyOf(visits).ok
    await poll(() => tallyOf(visits).ok > before + 20, 10_000, 'visits that succeed')
    t.ok(nowMs() - since < 30_000)
  })

  await t.test('at no time had two nodes that hear each other the address, or nobody for long', async (t) => {
    const to = nowMs()
    const vacancy = owners.longestVacancy(began, to)
    t.comment(`without an owner for ${vacancy.toFixed()} ms at the longest`)
    t.ok(vacancy <= VACANCY_MS, `${vacancy} ms without an owner`)
    const calm = [{ from: began, to: began }, ...parted.sort((a, b) => a.from - b.from), { from: to, to }]
    let at = began
    let worst = 0
    for (const window of calm) {
      if (window.from > at) worst = Math.max(worst, owners.longestOverlap(at, window.from))
      at = Math.max(at, window.to)
    }
    t.comment(`two owners for ${worst.toFixed()} ms at the longest, where they heard each other`)
    t.ok(worst <= OVERLAP_MS, `${worst} ms with two owners`)
  })

  await t.test('no byte was wrong, nothing leaks, and no process ended by itself', async (t) => {
    const tally = tallyOf(visits)
    t.comment(`visits: ${JSON.stringify(tally)}`)
    t.equal(tally.wrong, 0)
    t.ok(tally.ok > SECONDS * 5)
    await visits.stop('SIGKILL')
    for (const { vipd, lab: node } of nodes) {
      await poll(
        async () => (await vipd.status()).proxy[0]?.sessions.current === 0,
        20_000,
        `no session on ${node.name}`
      )
      const sockets = await lab.run(node, ['ss', '-Htn', 'state', 'close-wait'])
      t.equal(sockets.split('\n').filter((line) => line.includes(`:${vipPort}`)).length, 0, 'no CLOSE-WAIT')
      const { process: own } = (await vipd.status()) as unknown as { process: { open_fds: number } }
      t.ok(own.open_fds < 150, `${own.open_fds} descriptors`)
      t.notMatch(readFileSync(join(lab.folder, `vipd-${node.name}.log`), 'utf8'), /bug: vipd ends/)
    }
  })
})

interface Tally {
  readonly ok: number
  readonly failed: number
  readonly wrong: number
}

function tallyOf(visits: Child): Tally {
  const [, ok, failed, wrong] = /^ok (\d+) failed (\d+) wrong (\d+)/.exec(visits.tail(1)) ?? []
  return { ok: Number(ok ?? 0), failed: Number(failed ?? 0), wrong: Number(wrong ?? 0) }
}
