import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { noNotifyCounters } from '../../../src/notify/counters.js'
import { Notifier } from '../../../src/notify/notifier.js'
import { run, splitCommand } from '../../../src/os/exec.js'
import type { MailResult } from '../../../src/os/mail.js'
import { flushPromises, ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'
import { counted, FakeExec, FakeMail, globalOf, MAIL, notify, transition } from './fixtures.js'

function notifier(raw: object = {}) {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const mail = new FakeMail()
  const exec = new FakeExec()
  const one = new Notifier(
    { global: globalOf(raw), node: 'node1' },
    {
      clock,
      log,
      // FIFOs are real.
      run: (argv, options) => (argv[0] === 'mkfifo' ? run(argv, options) : exec.run(argv, options)),
      split: splitCommand,
      problemOf: async () => undefined,
      user: () => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }),
      sendMail: mail.sendMail
    }
  )
  return { clock, log, mail, exec, one }
}

const folder = async (t: Test): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'vipd-notifier-'))
  t.teardown(() => rm(path, { recursive: true }))
  return path
}

const settled = async (isDone: () => boolean): Promise<void> => {
  while (!isDone()) await flushPromises()
}

/** What a reader gets until the writer closes. */
const readAll = async (t: Test, path: string): Promise<() => Promise<string>> => {
  const child = spawn('cat', [path])
  t.teardown(() => child.kill())
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  const closed = once(child, 'close')
  await once(child.stdout, 'data')
  return () => closed.then(() => text)
}

t.test('nothing configured, nothing told, every counter there', async (t) => {
  const { one, mail, exec, clock } = notifier()
  one.tell(transition('MASTER'), notify())
  await flushPromises()
  t.strictSame([mail.sent, exec.lines, clock.pending], [[], [], 0])
  t.strictSame(one.counters, noNotifyCounters())
  await one.stop()
  t.equal(clock.pending, 0)
})

t.test('a transition is told to both FIFOs, to scripts and by mail', async (t) => {
  const path = await folder(t)
  const [a, b] = [join(path, 'a'), join(path, 'b')]
  const { one, mail, exec } = notifier({ ...MAIL, notify_fifo: a, vrrp_notify_fifo: b })
  one.tell(transition('MASTER'), notify({ master: '/m', any: '/any' }))
  one.tell(transition('MASTER', { kind: 'GROUP', name: 'G1' }), notify({ master: '/gm' }))
  await settled(() => one.counters.fifo_lines === 4)
  t.strictSame(exec.lines, ['/m', '/gm'], 'the group does not wait for the instance')
  exec.started[0]?.end()
  await flushPromises()
  t.equal(exec.lines[2], '/any INSTANCE VI_1 MASTER 100')
  exec.started[1]?.end()
  exec.started[2]?.end()
  t.equal(mail.sent.length, 2)
  const texts = [await readAll(t, a), await readAll(t, b)]
  await one.stop()
  for (const text of texts) t.equal(await text(), 'INSTANCE "VI_1" MASTER 100\nGROUP "G1" MASTER 0\n')
  t.strictSame(one.counters, counted({ scripts_run: 3, fifo_lines: 4, mails_sent: 2 }))
  t.strictSame([existsSync(a), existsSync(b)], [false, false])
})

t.test('smtp_alert of the instance goes before that of global_defs', async (t) => {
  const mailed = async (alert: boolean, own: boolean | null): Promise<number> => {
    const { one, mail } = notifier({ ...MAIL, smtp_alert: alert })
    one.tell(transition('MASTER'), notify({ smtpAlert: own }))
    await flushPromises()
    return mail.sent.length
  }
  t.equal(await mailed(true, null), 1)
  t.equal(await mailed(true, false), 0)
  t.equal(await mailed(false, null), 0)
  t.equal(await mailed(false, true), 1)
})

t.test('changes of priority reach the FIFO where it is asked for, in MASTER and BACKUP alone', async (t) => {
  const path = join(await folder(t), 'a')
  const { one } = notifier({ notify_fifo: path, vrrp_notify_priority_changes: true })
  one.priorityChanged('VI_1', 'FAULT', 90)
  one.priorityChanged('VI_1', 'INIT', 90)
  one.priorityChanged('VI_1', 'BACKUP', 105)
  one.priorityChanged('VI_1', 'MASTER', 95)
  await settled(() => one.counters.fifo_lines === 2)
  const text = await readAll(t, path)
  one.configure(globalOf({ notify_fifo: path }))
  one.priorityChanged('VI_1', 'MASTER', 100)
  await one.stop()
  t.equal(await text(), 'INSTANCE "VI_1" BACKUP_PRIORITY 105\nINSTANCE "VI_1" MASTER_PRIORITY 95\n')
})

t.test('a reload opens new FIFOs, closes old ones and leaves the rest alone', async (t) => {
  const path = await folder(t)
  const [a, b, c] = [join(path, 'a'), join(path, 'b'), join(path, 'c')]
  const { one } = notifier({ notify_fifo: a, vrrp_notify_fifo: b })
  one.tell(transition('BACKUP'), notify())
  await settled(() => one.counters.fifo_lines === 2)
  const text = await readAll(t, b)
  one.configure(globalOf({ notify_fifo: c, vrrp_notify_fifo: b }))
  await settled(() => !existsSync(a) && existsSync(c))
  one.tell(transition('MASTER'), notify())
  await settled(() => one.counters.fifo_lines === 4)
  await one.stop()
  t.equal(await text(), 'INSTANCE "VI_1" BACKUP 100\nINSTANCE "VI_1" MASTER 100\n')
})

t.test('a FIFO that two reloads take away and bring back is there', async (t) => {
  const path = join(await folder(t), 'a')
  const { one } = notifier({ notify_fifo: path })
  one.tell(transition('BACKUP'), notify())
  one.configure(globalOf({}))
  one.tell(transition('MASTER'), notify())
  one.configure(globalOf({ notify_fifo: path }))
  one.tell(transition('FAULT'), notify())
  await settled(() => one.counters.fifo_lines === 2)
  const text = await readAll(t, path)
  await one.stop()
  t.equal(await text(), 'INSTANCE "VI_1" FAULT 100\n')
})

t.test('a reload redirects mail', async (t) => {
  const { one, mail } = notifier()
  one.configure(globalOf(MAIL))
  one.tell(transition('MASTER'), notify())
  await flushPromises()
  t.equal(mail.sent.length, 1)
})

t.test('stop waits for what is told of it, 2 s at most, and hears nothing more', async (t) => {
  const { clock, log, one, mail, exec } = notifier(MAIL)
  mail.answers.push(new Promise<MailResult>(() => undefined))
  one.tell(transition('STOP'), notify({ stop: '/stop' }))
  one.tell(transition('STOP', { kind: 'GROUP' }), notify())
  let isDone = false
  const stopped = one.stop().then(() => {
    isDone = true
  })
  await clock.advance(1999)
  t.strictSame(exec.lines, ['/stop'])
  t.equal(isDone, false)
  await clock.advance(1)
  t.equal(isDone, true)
  await stopped
  t.equal(mail.sent[0]?.settings.signal?.aborted, true)
  t.strictSame(
    log.lines.map(({ message }) => message),
    ['notify scripts still ran when vipd stopped', 'mails were not sent: vipd stops']
  )
  one.tell(transition('MASTER'), notify({ master: '/m' }))
  one.priorityChanged('VI_1', 'MASTER', 1)
  one.configure(globalOf({ notify_fifo: '/nonexistent/fifo' }))
  await one.stop()
  t.strictSame(exec.lines, ['/stop'])
  t.equal(clock.pending, 0)
})

t.test('it never delays whom it hears it from', async (t) => {
  const { one, exec, mail } = notifier(MAIL)
  one.tell(transition('MASTER'), notify({ master: '/hangs' }))
  await flushPromises()
  t.strictSame([exec.lines.length, mail.sent.length], [1, 1], 'begun, not awaited')
  one.tell(transition('BACKUP'), notify({ backup: '/waits' }))
  await flushPromises()
  t.strictSame([exec.lines.length, mail.sent.length], [1, 2], 'a script that hangs does not hold up mail')
})
