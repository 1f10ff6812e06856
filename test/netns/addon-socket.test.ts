import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { seedConfig } from '../lab/config.js'
import { Keepalived, keepalivedConf } from '../lab/keepalived.js'
import { Lab, vip } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { Vipd } from '../lab/vipd.js'
import { nowMs } from '../lab/wait.js'

/** Where npm raw-socket was not built (npm 12 skips install scripts, a Node upgrade outdates it) the addon carries VRRP. */

/** A Node in which raw-socket cannot be loaded. */
const WITHOUT_RAW_SOCKET = `const Module = require('node:module')
const load = Module._load
Module._load = function (name, ...rest) {
  if (name === 'raw-socket') throw new Error('not built')
  return load.call(this, name, ...rest)
}
`

t.setTimeout(120_000)
const skip = whyNoLab(['keepalived', 'tcpdump', 'tshark']) ?? false

t.test('without raw-socket vipd speaks VRRP through its addon', { skip }, async (t) => {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const [m1, m2] = lab.masters
  const preload = join(lab.folder, 'no-raw-socket.cjs')
  writeFileSync(preload, WITHOUT_RAW_SOCKET)
  await lab.watchOwners()
  const wire = await lab.capture('ip proto 112', 'wire')
  const env = { NODE_OPTIONS: `--require ${preload}` }
  const vipd = lab.ending(new Vipd(lab, m1, seedConfig(lab, m1, { priority: 100 }), env))
  await vipd.start()
  await lab.owners.until(['m1'], 6000)

  await t.test('status says so', async (t) => {
    t.match(await vipd.instance(), { state: 'MASTER', socket: 'addon' })
  })

  const keepalived = lab.ending(new Keepalived(lab, m2, keepalivedConf(vip, { priority: 150 })))
  await keepalived.started()

  await t.test('it hears a keepalived of higher priority and gives way', async (t) => {
    await lab.owners.until(['m2'], 8000)
    t.match(await vipd.untilState('BACKUP', 2000), { master: { address: m2.address, priority: 150 } })
  })

  await t.test('and takes over when that one stops', async (t) => {
    const since = nowMs()
    await keepalived.stop()
    await lab.owners.until(['m1'], 6000)
    t.ok((lab.owners.takenAfter('m1', since) ?? Number.POSITIVE_INFINITY) - since < 1500)
  })

  await t.test('its adverts have TTL 255, TOS 0xc0, its own address and a right checksum', async (t) => {
    await wire.stop()
    const adverts = wire.read(`ip.src == ${m1.address}`, ['ip.dst', 'ip.ttl', 'ip.dsfield', 'vrrp.checksum.status'])
    t.ok(adverts.length >= 3, `${adverts.length} adverts`)
    for (const advert of adverts) {
      t.match(advert, { 'ip.dst': '224.0.0.18', 'ip.ttl': '255', 'ip.dsfield': '0xc0' })
      t.match(advert['vrrp.checksum.status'], /^(1|Good)$/)
    }
  })
})
