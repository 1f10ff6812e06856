import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { seedConfig } from '../lab/config.js'
import { Keepalived, keepalivedConf } from '../lab/keepalived.js'
import { Lab, type LabNode, vip } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { Vipd, vipdProgram } from '../lab/vipd.js'

/** `vipd doctor` on hosts with something real the matter. */

t.setTimeout(120_000)
const skip = whyNoLab(['nftables', 'keepalived']) ?? false

interface Report {
  readonly findings: readonly { readonly check: string; readonly level: string; readonly what: string }[]
  readonly blind: readonly { readonly what: string; readonly why: string }[]
}

t.test('vipd doctor', { skip }, async (t) => {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const [m1, m2, m3] = lab.masters
  for (const node of lab.masters) await lab.startApiserver(node)
  await lab.watchOwners()
  const master = lab.ending(new Vipd(lab, m1, seedConfig(lab, m1, { priority: 100 })))
  const other = lab.ending(new Vipd(lab, m2, seedConfig(lab, m2, { priority: 88 })))
  await master.start()
  await lab.owners.until(['m1'], 8000)
  /** What it says on a host whose daemon is `vipd`, running or not. */
  const ask = async (node: LabNode, vipd: Vipd): Promise<Report> => {
    const out = join(lab.folder, 'doctor.json')
    const command = `${process.execPath} ${vipdProgram} doctor -c ${vipd.configFile} --socket ${vipd.socket} --listen 1.5 --json > ${out}; [ $? -lt 2 ]`
    await lab.run(node, ['sh', '-c', command], 30_000)
    return JSON.parse(readFileSync(out, 'utf8'))
  }
  const errors = ({ findings }: Report): string[] =>
    findings.filter(({ level }) => level === 'error').map(({ check }) => check)

  await t.test('where all is well it finds no error, running beside the daemon or in its place', async (t) => {
    t.strictSame(errors(await ask(m1, master)), ['certificate-san', 'certificate-san', 'certificate-san'])
    const report = await ask(m2, other)
    t.strictSame(errors(report), ['certificate-san', 'certificate-san', 'certificate-san'], 'those of the stand-ins')
    t.strictSame(report.blind, [])
  })

  await t.test('another program has the port, and the firewall drops adverts and clients', async (t) => {
    const program =
      "import socket,time; s=socket.create_server(('0.0.0.0',8443)); print('there',flush=True); time.sleep(99)"
    const squatter = lab.start(m2, ['python3', '-c', program])
    await squatter.line(/there/, 10_000)
    const rules = `table inet w { chain in { type filter hook input priority 0; policy accept; meta l4proto 112 counter drop; tcp dport 8443 drop; }; }`
    await lab.run(m2, ['nft', rules])
    const report = await ask(m2, other)
    const said = (check: string): string => report.findings.find((one) => one.check === check)?.what ?? ''
    t.match(said('port-taken'), /^python3\S* listens on 0\.0\.0\.0:8443/)
    t.match(said('firewall-vrrp'), /inet w in drops IP protocol 112 \(VRRP\) \(by a rule, \d+ packets so far\)/)
    t.match(said('firewall-port'), /drops TCP to port 8443/)
    t.match(said('vip-answered'), new RegExp(`^${vip} is answered by \\S+, and nobody sends adverts`), 'it hears none')
    await lab.run(m2, ['nft', 'delete table inet w'])
    await squatter.stop('SIGKILL')
  })

  await t.test(
    'a keepalived with our virtual_router_id and other addresses is on the link, and one is here',
    async (t) => {
      const conf = keepalivedConf('10.32.255.77', { priority: 150 })
      lab.ending(new Keepalived(lab, m3, conf))
      await lab.run(m3, ['sh', '-c', 'until ip addr | grep -q 10.32.255.77; do sleep 0.1; done'], 15_000)
      const report = await ask(m2, other)
      t.match(
        report.findings.filter(({ check }) => check === 'foreign-vrid'),
        [{ what: new RegExp(`${m3.address} uses virtual_router_id 88 on \\S+ for 10\\.32\\.255\\.77`) }]
      )
      t.notOk(errors(report).includes('keepalived'), 'that one is another host’s')
      const here = await ask(m3, lab.ending(new Vipd(lab, m3, seedConfig(lab, m3, { priority: 80 }))))
      t.match(
        here.findings.filter(({ check }) => check === 'keepalived'),
        [{ what: /keepalived runs here \(pid \d+/ }]
      )
    }
  )
})
