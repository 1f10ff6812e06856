import type { Child } from '../../test/lab/child.js'
import type { Client } from '../../test/lab/client.js'
import { Lab, type LabNode, vip, vipPort } from '../../test/lab/lab.js'
import { ensurePackages } from '../../test/lab/packages.js'
import { socketOf, Vipd } from '../../test/lab/vipd.js'
import { nowMs, pause } from '../../test/lab/wait.js'
import { importSeed, withSocket } from './config.js'
import { human, type Measured, startProgress, summary } from './report.js'

/** `npm run demo`: three masters on one bridge, a client that keeps asking through the VIP, and what it sees when things die. */

/** Between two requests of the client: what its gaps are measured in. */
const EVERY_MS = 20

process.exitCode = await main()

async function main(): Promise<number> {
  if (process.getuid?.() !== 0) {
    console.error('The demo needs root: it makes network namespaces. Type: sudo npm run demo')
    return 1
  }
  const ensured = ensurePackages(['iproute2', 'openssl'])
  if (!ensured.ok) {
    console.error(ensured.reason)
    return 1
  }
  process.on('exit', (code) => {
    if (code > 128) console.error('interrupted: everything is cleaned up')
  })
  let lab: Lab | undefined
  try {
    lab = new Lab()
    await demo(lab)
    return 0
  } catch (error) {
    console.error(`the demo failed: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    await lab?.close()
  }
}

async function demo(lab: Lab): Promise<void> {
  const [m1, m2, m3] = lab.masters
  const [master, backup] = await Promise.all([importSeed('master', lab.folder), importSeed('backup', lab.folder)])
  const notes = `vipd import left ${master.report.length} remarks`
  console.log(`Configuration: the old keepalived.conf and haproxy.cfg in bench/demo/seed, imported (${notes})`)

  const make = (node: LabNode, yaml: string): Vipd =>
    lab.ending(new Vipd(lab, node, withSocket(yaml, socketOf(lab, node))))
  const first = make(m1, master.yaml)
  const apiservers = await Promise.all(lab.masters.map((node) => lab.startApiserver(node)))
  await lab.watchOwners()
  await Promise.all([first, make(m2, backup.yaml), make(m3, backup.yaml)].map((vipd) => vipd.start()))
  for (const node of lab.masters) console.log(`${node.name}  ${node.address}  vipd and its own apiserver on :6443`)
  const client = lab.startClient(EVERY_MS)
  console.log(
    `client ${lab.client.address}  asks https://${vip}:${vipPort} every ${EVERY_MS} ms, each time on a new connection\n`
  )
  const stopProgress = startProgress(lab, client)
  const rows: Measured[] = []
  try {
    say('the first election: three adverts of silence, 3.6 s')
    await settle(lab, client, 'm1')
    say('m1 is master: it has priority 100, the others 88')
    await pause(2000)

    rows.push(await fail(lab, client, 'kill -9 of the master', () => first.child.signal('SIGKILL')))
    rows.push(await comeBack(lab, client, first))
    rows.push(await fail(lab, client, 'planned stop (SIGTERM)', () => first.child.signal('SIGTERM')))
    rows.push(await comeBack(lab, client, first))

    rows.push(await killApiserver(lab, client, apiservers[1]))
  } finally {
    stopProgress()
  }
  console.log(`\n${summary(rows)}\n`)
  console.log(`The client asks every ${EVERY_MS} ms: shorter gaps than twice that are no gaps.`)
}

/** Takes the master away and waits until another one answers. */
async function fail(lab: Lab, client: Client, event: string, doIt: () => void): Promise<Measured> {
  const started = nowMs()
  say(`now: ${event} (m1)`)
  doIt()
  await lab.owners.untilOther('m1', 10_000)
  await client.until(20, Math.max(...lab.owners.holdings.map((one) => one.from)), 10_000)
  await pause(1000)
  const row = measure(lab, client, event, started, 'm1')
  say(`${event}: the client saw nothing for ${human(row.gap)}; master is ${lab.owners.owners().join()}`)
  return row
}

/** Starts m1's vipd again and waits until it is master again. */
async function comeBack(lab: Lab, client: Client, vipd: Vipd): Promise<Measured> {
  const [old = ''] = lab.owners.owners()
  const started = nowMs()
  say('m1 comes back')
  await vipd.start()
  await settle(lab, client, 'm1')
  const row = measure(lab, client, 'it comes back', started, null)
  const taken = lab.owners.takenAfter('m1', started) ?? started
  say(`m1 is master again after ${human(taken - started)}; the client saw nothing for ${human(row.gap)}`)
  return { ...row, gone: (lab.owners.goneAfter(old, taken) ?? nowMs()) - taken }
}

/** Kills one of the three servers: what it was answering at that moment is lost, nothing else. */
async function killApiserver(lab: Lab, client: Client, apiserver: Child | undefined): Promise<Measured> {
  say('now: kill -9 of the apiserver on m2; its checks will call it DOWN after 5 times 5 s, until then it is avoided')
  const killed = nowMs()
  await apiserver?.stop('SIGKILL')
  const dead = nowMs()
  await pause(5000)
  const cut = client.failed(killed - 1000, dead).length
  if (cut > 0) say(`${cut} request(s) that it was answering were cut off; of those asked since, none may fail`)
  return measure(lab, client, 'an apiserver killed', dead, null)
}

async function settle(lab: Lab, client: Client, owner: string): Promise<void> {
  const since = await lab.owners.until([owner], 15_000)
  await client.until(30, since, 15_000)
}

function measure(lab: Lab, client: Client, event: string, since: number, old: string | null): Measured {
  const gone = old === null ? null : (lab.owners.goneAfter(old, since) ?? nowMs()) - since
  const failed = client.failed(since).length
  return { event, gap: client.longestGap(since), failed, gone, overlap: lab.owners.longestOverlap(since) }
}

function say(text: string): void {
  console.log(`\n---- ${text}`)
}
