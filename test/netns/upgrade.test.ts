import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { seedInstance } from '../lab/config.js'
import { Lab, vip, vipPort } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { socketOf, Vipd, vipdProgram } from '../lab/vipd.js'
import { nowMs, poll } from '../lab/wait.js'

/**
 * `vipd upgrade` and reloads, with connections that talk all the time. VIPD_TALKERS, VIPD_UPGRADES and VIPD_RELOADS make it
 * a longer one: `VIPD_TALKERS=1000 VIPD_UPGRADES=20 VIPD_RELOADS=100 node dist/test/netns/upgrade.test.js`. VIPD_OTHER, a folder with
 * another build, has every second process be of that one: from it to this one and back.
 */

t.setTimeout(600_000)
const skip = whyNoLab(['tcpdump', 'tshark']) ?? false
const count = (name: string, fallback: number): number => Number(process.env[name] ?? fallback)
const TALKERS = count('VIPD_TALKERS', 100)
const UPGRADES = count('VIPD_UPGRADES', 3)
const RELOADS = count('VIPD_RELOADS', 5)
const OTHER = process.env['VIPD_OTHER']

interface Tally {
  readonly sent: number
  readonly answered: number
  readonly broken: number
  readonly wrong: number
  readonly worst_ms: number
}

t.test('nothing is lost when one process follows another', { skip }, async (t) => {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const [m1, m2, m3] = lab.masters
  const { owners } = lab
  const program = (name: string): string => fileURLToPath(new URL(`../lab/${name}.js`, import.meta.url))
  await lab.start(m3, [process.execPath, program('echo'), m3.address, '7000']).line(/listening/, 5000)
  const configOf = (node: typeof m1, priority: number, note = ''): string =>
    JSON.stringify({
      admin: { socket: socketOf(lab, node) },
      vrrp: [{ ...seedInstance({ priority }), track_script: ['ok'] }],
      vrrp_script: [{ name: 'ok', script: '/bin/true', interval: 5 }],
      proxy: [
        {
          name: `service${note}`,
          bind: [`${vip}:${vipPort}`],
          default_server: { check: { type: 'tcp', inter: 500, rise: 2, fall: 3 } },
          servers: [{ name: 'm3', address: `${m3.address}:7000` }]
        }
      ]
    })
  await lab.watchOwners()
  // What is installed now: a name for one build or the other.
  const installed = join(lab.folder, 'installed')
  const builds = [fileURLToPath(new URL('../../../', import.meta.url)), ...(OTHER === undefined ? [] : [OTHER])]
  const install = (index: number): void => {
    rmSync(installed, { force: true })
    symlinkSync(builds[index % builds.length] ?? '', installed)
  }
  install(0)
  const first = lab.ending(
    new Vipd(lab, m1, configOf(m1, 100), {}, { program: join(installed, 'dist/src/cli/main.js') })
  )
  const second = lab.ending(new Vipd(lab, m2, configOf(m2, 88)))
  await Promise.all([first.start(), second.start()])
  await owners.until(['m1'], 15_000)
  // Until here m2 may have been master for a moment: it is the first to start on some days.
  const settled = nowMs()
  const pids = new Set<number>()
  t.teardown(() => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    }
  })
  const pidOf = async (): Promise<number> => {
    const { pid } = await first.status()
    pids.add(pid)
    return pid
  }
  const command = (...words: string[]): Promise<string> =>
    lab.run(m1, [process.execPath, vipdProgram, ...words, '--socket', first.socket], 30_000)

  let last: Tally | undefined
  const argv = [process.execPath, program('talkers'), vip, String(vipPort), String(TALKERS), '50']
  const talkers = lab.start(lab.client, argv, {
    onLine: (line) => {
      if (line.startsWith('{')) last = JSON.parse(line) as Tally
    }
  })
  await talkers.line(/^open/, 20_000)
  const adverts = await lab.capture('ip proto 112')
  const unharmed = (t: Test): void => {
    t.match(last, { broken: 0, wrong: 0 })
  }
  type Test = typeof t

  await t.test(`${UPGRADES} processes, one after the other`, async (t) => {
    for (let i = 0; i < UPGRADES; i++) {
      const before = await pidOf()
      install(i + 1)
      t.match(await command('upgrade'), new RegExp(`^process \\d+ has taken over, ${TALKERS} sessions with it`))
      const now = await pidOf()
      t.not(now, before)
      await poll(async () => (await first.instance()).state === 'MASTER', 5000, 'it is master')
      const { proxy } = await first.status()
      t.equal(proxy[0]?.sessions.current, TALKERS, `all are with process ${now}`)
      t.match(proxy[0]?.servers, [{ name: 'm3', status: 'UP' }], 'it knows what the one before knew')
      unharmed(t)
    }
    t.strictSame(owners.owners(), ['m1'])
    t.equal(owners.takings('m2', settled), 0, 'the other node never took over')
  })

  await t.test(`${RELOADS} reloads under load`, async (t) => {
    for (let i = 0; i < RELOADS; i++) {
      writeFileSync(first.configFile, configOf(m1, 100 + (i % 2), i % 3 === 2 ? '-renamed' : ''))
      t.match(await command('reload'), i === 0 ? /nothing to do/ : /applied/)
    }
    unharmed(t)
    t.equal((await first.status()).proxy[0]?.sessions.current, TALKERS)
  })

  await t.test('a process that cannot start takes nothing over: it is said, and the old one goes on', async (t) => {
    const before = await pidOf()
    writeFileSync(first.configFile, `${configOf(m1, 100).slice(0, -1)},"nonsense":1}`)
    await t.rejects(command('upgrade'), /the new process did not take over, and this one goes on/)
    t.equal(await pidOf(), before)
    t.equal((await first.status()).proxy[0]?.sessions.current, TALKERS)
    t.equal((await first.instance()).state, 'MASTER')
    writeFileSync(first.configFile, configOf(m1, 100))
    unharmed(t)
  })

  await t.test('every word came back, and no advert is missing', async (t) => {
    const from = last?.answered ?? 0
    await poll(() => (last?.answered ?? 0) > from + TALKERS, 10_000, 'they still talk')
    talkers.signal('SIGTERM')
    const line = await talkers.line(/^end /, 10_000)
    const tally = JSON.parse(line.slice(4)) as Tally
    t.comment(
      `${TALKERS} connections, ${tally.sent} words, ${UPGRADES} upgrades, ${RELOADS} reloads: longest answer ${tally.worst_ms.toFixed(0)} ms`
    )
    t.match(tally, { broken: 0, wrong: 0 })
    t.equal(tally.answered, tally.sent)
    await adverts.stop()
    const seen = adverts.read('vrrp', ['frame.time_epoch', 'vrrp.prio']).map((one) => ({
      at: Number(one['frame.time_epoch']),
      priority: Number(one['vrrp.prio'])
    }))
    const gaps = seen.slice(1).map(({ at }, i) => at - (seen[i]?.at ?? at))
    t.comment(`${seen.length} adverts, the longest pause ${Math.max(...gaps).toFixed(3)} s`)
    t.ok(seen.length > 5)
    t.notOk(
      seen.some(({ priority }) => priority === 0),
      'nobody was told that it leaves'
    )
    t.equal(gaps.filter((gap) => gap >= 2).length, 0, 'none is missing')
  })
})
