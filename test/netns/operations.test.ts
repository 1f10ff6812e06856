import { execFile } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Lab, type LabNode, vip } from '../lab/lab.js'
import { ip } from '../lab/namespaces.js'
import { whyNoLab } from '../lab/packages.js'
import { socketOf, Vipd, vipdProgram } from '../lab/vipd.js'
import { nowMs, pause, poll } from '../lab/wait.js'

/** What an operator does to a running pair, and what the pair tells him: reload, tracking, scripts, FIFO, mail. */

const SECOND_VIP = '10.32.255.98'
t.setTimeout(200_000)
const skip = whyNoLab(['tcpdump', 'tshark']) ?? false

t.test('a pair in operation', { skip }, async (t) => {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const [m1, m2] = lab.masters
  const { owners } = lab
  const trackFile = join(lab.folder, 'drain')
  const fifo = join(lab.folder, 'notify.fifo')
  const notes = join(lab.folder, 'notes')
  const script = join(lab.folder, 'notify.sh')
  const hanging = join(lab.folder, 'hang.sh')
  writeFileSync(trackFile, '0\n')
  writeFileSync(notes, '')
  chmodSync(notes, 0o666)
  chmodSync(lab.folder, 0o755)
  writeFileSync(script, `#!/bin/sh\necho "$@" >> ${notes}\n`)
  writeFileSync(hanging, '#!/bin/sh\nsleep 120\n')
  for (const file of [script, hanging]) chmodSync(file, 0o755)

  const instance = {
    name: 'VI_1',
    interface: 'bond0',
    virtual_router_id: 88,
    advert_int: 1,
    virtual_ipaddress: [vip] as string[],
    track_file: ['drain'],
    notify: script,
    notify_master: hanging
  }
  const configOf = (node: LabNode, changes: object): string =>
    JSON.stringify({
      admin: { socket: socketOf(lab, node) },
      global_defs: {
        router_id: 'LVS_1',
        notification_email: ['ops@example.com'],
        notification_email_from: 'vipd@example.com',
        smtp_server: '127.0.0.1:2525',
        smtp_alert: node === m1,
        ...(node === m1 ? { notify_fifo: fifo } : {})
      },
      vrrp_track_file: [{ name: 'drain', file: trackFile }],
      vrrp: [{ ...instance, priority: node === m1 ? 100 : 88, ...(node === m1 ? {} : { track_file: [] }), ...changes }]
    })
  const first = lab.ending(new Vipd(lab, m1, configOf(m1, {})))
  const second = lab.ending(new Vipd(lab, m2, configOf(m2, {})))
  const reload = (): Promise<{ code: number; text: string }> =>
    new Promise((resolve) => {
      const argv = [vipdProgram, 'reload', '--socket', first.socket]
      execFile(process.execPath, argv, { timeout: 20_000 }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: `${stdout}${stderr}` })
      )
    })
  const held = (node: LabNode, address: string): boolean =>
    ip(['-n', node.namespace, '-o', '-4', 'address', 'show', 'dev', 'bond0']).includes(` ${address}/`)

  ip(['-n', m1.namespace, 'link', 'set', 'lo', 'up'])
  const sink = fileURLToPath(new URL('../lab/smtp-sink.js', import.meta.url))
  const mail = lab.start(m1, [process.execPath, sink, '2525'])
  await mail.line(/listening/, 10_000)
  await lab.watchOwners()
  await Promise.all([first.start(), second.start()])
  await owners.until(['m1'], 12_000)

  await t.test('becoming master is told by mail, FIFO and script', async (t) => {
    await mail.line(/mail \[LVS_1\] VRRP Instance VI_1 - Entering MASTER state/, 10_000)
    const lines = await lab.run(m1, ['sh', '-c', `timeout 2 cat ${fifo} || true`])
    t.match(lines, /^INSTANCE "VI_1" BACKUP 100\nINSTANCE "VI_1" MASTER 100\n/)
    await poll(() => /INSTANCE VI_1 BACKUP 100/.test(readFileSync(notes, 'utf8')), 5000, 'the script ran')
  })

  await t.test('a script that hangs and a mail server that is mute delay no advert', async (t) => {
    await mail.stop()
    const mute = lab.start(m1, [process.execPath, sink, '2525', 'mute'])
    await mute.line(/listening/, 10_000)
    const capture = await lab.capture('ip proto 112', 'quiet')
    // notify_master still runs: it sleeps for two minutes.
    await pause(5500)
    await capture.stop()
    const times = capture.read('vrrp', ['frame.time_epoch']).map((row) => Number(row['frame.time_epoch']))
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0))
    t.ok(gaps.length >= 4, `${gaps.length} gaps`)
    t.ok(Math.max(...gaps) < 1.1, `adverts ${Math.max(...gaps).toFixed(3)} s apart at the most`)
    await mute.stop()
  })

  await t.test('a reload changes priority and addresses, and the mastership stays where it is', async (t) => {
    const since = nowMs()
    const before = await first.instance()
    writeFileSync(first.configFile, configOf(m1, { priority: 120, virtual_ipaddress: [vip, SECOND_VIP] }))
    const check = [process.execPath, vipdProgram, 'check', '-c', first.configFile, '--socket', first.socket]
    const announced = await lab.run(m1, check)
    t.match(announced, /a reload would apply:\n(?:.|\n)* VI_1\.priority: 100 → 120\n/)
    t.match(await first.instance(), { priority: 100 }, 'and nothing was changed')
    const { code, text } = await reload()
    t.equal(code, 0, text)
    t.equal(text, announced.slice(announced.indexOf('\n') + 1).replace('a reload would apply', 'applied'))
    t.match(await first.instance(), { state: 'MASTER', priority: 120, effective_priority: 120 })
    await poll(() => held(m1, SECOND_VIP), 2000, 'the new address is held')
    t.ok(held(m1, vip))
    await poll(
      async () => (await second.instance()).master?.priority === 120,
      2500,
      'the backup hears the new priority'
    )
    t.equal(owners.longestVacancy(since), 0, 'the address was never away')
    t.equal(Number((await first.instance()).counters['become_master']), Number(before.counters['become_master']))
    t.match(await second.status(), { vrrp: [{ conditions: [{ name: 'address-list-mismatch' }] }] })
  })

  await t.test('a bad file changes nothing, and says what is wrong', async (t) => {
    writeFileSync(first.configFile, configOf(m1, { priority: 300, virtual_ipaddress: [] }))
    const { code, text } = await reload()
    t.equal(code, 2)
    t.match(text, /priority/)
    t.match(text, /virtual_ipaddress/)
    t.match(await first.instance(), { state: 'MASTER', priority: 120 })
    t.ok(held(m1, SECOND_VIP))
  })

  await t.test('a removed address goes, the others stay', async (t) => {
    const since = nowMs()
    writeFileSync(first.configFile, configOf(m1, {}))
    t.equal((await reload()).code, 0)
    await poll(() => !held(m1, SECOND_VIP), 2000, 'the removed address is gone')
    t.ok(held(m1, vip))
    t.equal(owners.longestVacancy(since), 0)
  })

  await t.test(
    'a track file of -254 is a fault: priority 0 at once, and the other takes over after its skew',
    async (t) => {
      const since = nowMs()
      writeFileSync(trackFile, '-254\n')
      await first.untilState('FAULT', 4000)
      await owners.until(['m2'], 3000)
      t.ok(owners.longestVacancy(since) < 1200, `vacancy ${owners.longestVacancy(since).toFixed()} ms`)
      writeFileSync(trackFile, '0\n')
      await owners.until(['m1'], 8000)
    }
  )

  await t.test('an instance that is taken out says priority 0, and its backup takes over', async (t) => {
    const since = nowMs()
    const other = { ...instance, name: 'VI_2', virtual_router_id: 89, virtual_ipaddress: ['10.32.255.77'] }
    writeFileSync(first.configFile, configOf(m1, { ...other, priority: 100 }))
    t.equal((await reload()).code, 0)
    await owners.until(['m2'], 2000)
    t.ok(owners.longestVacancy(since) < 1200, `vacancy ${owners.longestVacancy(since).toFixed()} ms`)
    await first.untilState('MASTER', 6000)
    t.ok(held(m1, '10.32.255.77'))
  })
})
