import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { leftovers } from '../faults/leftovers.js'
import { Storm } from '../faults/storm.js'
import { VipdSubject } from '../faults/vipd.js'
import { whyNoLab } from '../lab/packages.js'
import { nowMs } from '../lab/wait.js'

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
  await storm.start((...of) => {
    const subject = new VipdSubject(...of)
    vipds.push(subject)
    return subject
  })
  await storm.rage(SEED, SECONDS)
  const told = storm.happened.map(
    ({ from, master, kind }) => `${((from - storm.began) / 1000).toFixed(1)} s ${master}: ${kind.name}`
  )
  t.comment(`${told.length} faults:\n  ${told.join('\n  ')}`)

  const to = nowMs()
  await t.test('when all is well again the best one is owner, clients are answered, no session is left', async (t) => {
    t.same(await leftovers(storm), [])
    t.equal((await vipds[0]?.vipd.instance())?.state, 'MASTER')
  })

  await t.test('at no time had two nodes that hear each other the address, or nobody for long', async (t) => {
    const [vacancy, overlap] = [storm.vacancyMs(to), storm.longestOverlaps(to)]
    t.comment(
      `without an owner for ${vacancy.toFixed()} ms at the longest, with two for ${overlap.working.toFixed()} ms; one of them hung: ${overlap.hung.toFixed()} ms`
    )
    t.same(storm.wrongs(to), [])
  })

  await t.test('no byte was wrong, no descriptor leaks, and no process ended by itself', async (t) => {
    const { tally } = storm
    t.comment(`visits: ${JSON.stringify(tally)}`)
    t.equal(tally.wrong, 0)
    t.ok(tally.ok > SECONDS * 5)
    for (const { node, vipd } of vipds) {
      const { process: own } = (await vipd.status()) as unknown as { process: { open_fds: number } }
      t.ok(own.open_fds < 150, `${own.open_fds} descriptors`)
      t.notMatch(readFileSync(join(lab.folder, `vipd-${node.name}.log`), 'utf8'), /bug: vipd ends/)
    }
  })
})
