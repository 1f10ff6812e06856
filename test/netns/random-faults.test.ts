import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Storm } from '../faults/storm.js'
import { VipdSubject } from '../faults/vipd.js'
import { vipPort } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { nowMs, poll } from '../lab/wait.js'

/**
 * What goes wrong, at random, several at once, under load; what may not happen, whatever goes wrong. The same again by its seed, and
 * longer: `npm run test:faults -- --seed 4711 --seconds 600`.
 */

const count = (name: string, fallback: number): number => Number(process.env[name] ?? fallback)
const SEED = count('VIPD_SEED', 20261128)
const SECONDS = count('VIPD_SECONDS', 40)
t.setTimeout((SECONDS + 120) * 1000)
const skip = whyNoLab(['nftables']) ?? false

t.test(`seed ${SEED}, ${SECONDS} s`, { skip }, async (t) => {
  const storm = new Storm()
  const { lab } = storm
  t.teardown(() => lab.close())
  const vipds: VipdSubject[] = []
  await storm.start((lab, node, index) => {
    const subject = new VipdSubject(lab, node, 100 - index * 12)
    vipds.push(subject)
    return subject
  })
  await storm.rage(SEED, SECONDS)
  const told = storm.happened.map(
    ({ from, master, kind }) => `${((from - storm.began) / 1000).toFixed(1)} s ${master}: ${kind.name}`
  )
  t.comment(`${told.length} faults:\n  ${told.join('\n  ')}`)

  await t.test('when all is well again there is one owner, the best one, and clients are answered', async (t) => {
    for (const vipd of vipds) await vipd.start()
    await lab.owners.until(['m1'], 20_000)
    t.equal((await vipds[0]?.vipd.instance())?.state, 'MASTER')
    const before = storm.tally.ok
    await poll(() => storm.tally.ok > before + 20, 10_000, 'visits that succeed')
    t.pass()
  })

  await t.test('at no time had two nodes that hear each other the address, or nobody for long', async (t) => {
    const to = nowMs()
    const [vacancy, overlap] = [storm.vacancyMs(to), storm.longestOverlaps(to)]
    t.comment(
      `without an owner for ${vacancy.toFixed()} ms at the longest, with two for ${overlap.working.toFixed()} ms; one of them hung: ${overlap.hung.toFixed()} ms`
    )
    t.same(storm.wrongs(to), [])
  })

  await t.test('no byte was wrong, nothing leaks, and no process ended by itself', async (t) => {
    const { tally } = storm
    t.comment(`visits: ${JSON.stringify(tally)}`)
    t.equal(tally.wrong, 0)
    t.ok(tally.ok > SECONDS * 5)
    await storm.endLoad()
    for (const { node, vipd } of vipds) {
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
