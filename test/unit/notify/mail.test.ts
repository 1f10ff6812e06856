import t from 'tap'
import { noNotifyCounters } from '../../../src/notify/counters.js'
import { Mailer } from '../../../src/notify/mail.js'
import type { MailResult } from '../../../src/os/mail.js'
import { flushPromises, ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'
import { AT, counted, FakeMail, globalOf, MAIL, NO, transition } from './fixtures.js'

function mailer(raw: object = {}) {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const mail = new FakeMail()
  const counters = noNotifyCounters()
  const global = globalOf({ ...MAIL, ...raw })
  const one = new Mailer(global, 'node1', { clock, log, sendMail: mail.sendMail }, counters)
  return { clock, log, mail, counters, one }
}

/** An answer that the test gives later. */
function later(): { answer: Promise<MailResult>; give: (result: MailResult) => void } {
  let give: (result: MailResult) => void = () => undefined
  const answer = new Promise<MailResult>((resolve) => {
    give = resolve
  })
  return { answer, give: (result) => give(result) }
}

t.test('a transition is mailed to whom and from whom the configuration says', async (t) => {
  const { mail, one, counters } = mailer({ smtp_connect_timeout: 7, smtp_helo_name: 'helo.example.com' })
  one.add(transition('MASTER'))
  await flushPromises()
  const [sent] = mail.sent
  t.match(sent?.settings, { host: '192.0.2.25', port: 25, heloName: 'helo.example.com', connectTimeoutMs: 7000 })
  t.match(sent?.message, {
    from: 'vipd@example.com',
    to: ['ops@example.com'],
    subject: '[NODE_A] VRRP Instance VI_1 - Entering MASTER state',
    text: /^=> VRRP Instance is now owning VRRP VIPs <=\n.*Reason: master-down\n.*Node: node1\n/s,
    date: AT,
    messageId: /^<[0-9a-f-]{36}@node1>$/
  })
  t.strictSame(counters, counted({ mails_sent: 1 }))
})

t.test('what is not configured is the host’s name', async (t) => {
  const { mail, one } = mailer({ router_id: undefined, notification_email_from: undefined })
  one.add(transition('MASTER'))
  await flushPromises()
  t.match(mail.sent[0], {
    settings: { heloName: 'node1' },
    message: { from: 'vipd@node1', subject: /^\[node1\] / }
  })
})

t.test('without a server or recipients nothing is mailed', async (t) => {
  for (const raw of [{ smtp_server: undefined }, { notification_email: undefined }]) {
    const { mail, one, counters } = mailer(raw)
    one.add(transition('MASTER'))
    await flushPromises()
    t.strictSame([mail.sent, counters], [[], counted({})])
  }
})

t.test('only news is mailed: as keepalived, not the first BACKUP and nothing twice', async (t) => {
  const { mail, one } = mailer()
  for (const to of ['BACKUP', 'MASTER', 'MASTER', 'BACKUP', 'FAULT', 'BACKUP', 'STOP', 'BACKUP', 'MASTER'] as const)
    one.add(transition(to))
  one.add(transition('MASTER', { kind: 'GROUP' }))
  await flushPromises()
  t.strictSame(mail.subjects, [
    'Entering MASTER state',
    'Entering BACKUP state',
    'Entering FAULT state',
    'Entering BACKUP state',
    'Stopping',
    'Entering MASTER state',
    'Entering MASTER state'
  ])
})

t.test('no_email_faults: no mail on a fault, nor on the way back from it', async (t) => {
  const { mail, one } = mailer({ no_email_faults: true })
  for (const to of ['FAULT', 'BACKUP', 'MASTER', 'FAULT', 'MASTER', 'FAULT', 'BACKUP'] as const) one.add(transition(to))
  await flushPromises()
  t.strictSame(mail.subjects, ['Entering MASTER state', 'Entering BACKUP state'])
})

t.test('what comes after everything was sent is sent too', async (t) => {
  const { mail, one } = mailer()
  one.add(transition('MASTER'))
  await flushPromises()
  one.add(transition('BACKUP'))
  await flushPromises()
  t.strictSame(mail.subjects, ['Entering MASTER state', 'Entering BACKUP state'])
})

t.test('one connection at a time, in the order of the transitions', async (t) => {
  const { mail, one } = mailer()
  const { answer, give } = later()
  mail.answers.push(answer)
  one.add(transition('MASTER'))
  one.add(transition('FAULT'))
  await flushPromises()
  t.equal(mail.sent.length, 1)
  give({ ok: true, rejected: [] })
  await flushPromises()
  t.strictSame(mail.subjects, ['Entering MASTER state', 'Entering FAULT state'])
})

t.test('three attempts, 10 s and 60 s apart, each the same mail; then it is dropped with a warning', async (t) => {
  const { clock, log, mail, one, counters } = mailer()
  mail.answers.push(NO, NO, NO)
  one.add(transition('MASTER'))
  one.add(transition('BACKUP'))
  await flushPromises()
  t.equal(mail.sent.length, 1)
  await clock.advance(9999)
  t.equal(mail.sent.length, 1)
  await clock.advance(1)
  t.equal(mail.sent.length, 2)
  await clock.advance(59_999)
  t.equal(mail.sent.length, 2)
  t.strictSame(counters, counted({}))
  await clock.advance(1)
  t.equal(new Set(mail.sent.slice(0, 3).map(({ message }) => message.messageId)).size, 1)
  t.strictSame(
    log.lines.map(({ level, message, facts }) => ({ level, message, ...facts })),
    [
      {
        level: 'warn',
        message: 'a mail could not be sent',
        host: '192.0.2.25',
        port: 25,
        detail: 'connect ECONNREFUSED',
        attempts: 3,
        suppressed: 0
      }
    ]
  )
  t.equal(mail.subjects[3], 'Entering BACKUP state', 'the next one has its turn')
  t.strictSame(counters, counted({ mails_sent: 1, mails_failed: 1 }))
  t.equal(clock.pending, 0)
})

t.test('an attempt that succeeds ends it', async (t) => {
  const { clock, mail, one, counters } = mailer()
  mail.answers.push(NO)
  one.add(transition('MASTER'))
  await clock.advance(100_000)
  t.equal(mail.sent.length, 2)
  t.strictSame(counters, counted({ mails_sent: 1 }))
})

t.test('a no for good is not asked again', async (t) => {
  const { clock, mail, one, counters } = mailer()
  mail.answers.push({ ...NO, isPermanent: true })
  one.add(transition('MASTER'))
  await clock.advance(100_000)
  t.equal(mail.sent.length, 1)
  t.strictSame(counters, counted({ mails_failed: 1 }))
})

t.test('a refused recipient is warned of', async (t) => {
  const { log, mail, one, counters } = mailer()
  mail.answers.push({ ok: true, rejected: ['ops@example.com'] })
  one.add(transition('MASTER'))
  await flushPromises()
  t.match(log.said('the mail server refused a recipient'), [
    { level: 'warn', facts: { rejected: ['ops@example.com'] } }
  ])
  t.strictSame(counters, counted({ mails_sent: 1 }))
})

t.test('of more than 100 that wait the oldest is dropped', async (t) => {
  const { log, mail, one, counters } = mailer()
  const { answer, give } = later()
  mail.answers.push(answer)
  for (let index = 0; index < 103; index++) one.add(transition('MASTER', { name: `VI_${index}` }))
  t.equal(counters.dropped, 2)
  t.match(log.said('a mail was dropped: too many wait'), [{ level: 'warn', facts: { suppressed: 0 } }])
  give({ ok: true, rejected: [] })
  await flushPromises()
  for (let rounds = 0; counters.mails_sent < 101 && rounds < 1000; rounds++) await flushPromises()
  t.strictSame(counters, counted({ mails_sent: 101, dropped: 2 }))
  t.match(mail.sent[1]?.message.subject, /VI_3 /)
  t.match(mail.sent.at(-1)?.message.subject, /VI_102 /)
})

t.test('a reload redirects what waits, and drops it when mail is switched off', async (t) => {
  const { clock, mail, one, counters } = mailer()
  mail.answers.push(NO, NO)
  one.add(transition('MASTER'))
  await flushPromises()
  one.configure(globalOf({ ...MAIL, smtp_server: '192.0.2.26:2525', notification_email: ['new@example.com'] }))
  await clock.advance(10_000)
  t.match(mail.sent[1], {
    settings: { host: '192.0.2.26', port: 2525 },
    message: { to: ['new@example.com'] }
  })
  one.configure(globalOf({}))
  await clock.advance(60_000)
  t.equal(mail.sent.length, 2)
  t.strictSame(counters, counted({ dropped: 1 }))
})

t.test('stop tries at once and once what is left', async (t) => {
  const { clock, mail, one, counters } = mailer()
  mail.answers.push(NO, NO)
  one.add(transition('MASTER'))
  one.add(transition('STOP'))
  await flushPromises()
  t.equal(mail.sent.length, 1)
  await one.stop()
  t.strictSame(mail.subjects, ['Entering MASTER state', 'Entering MASTER state', 'Stopping'])
  t.strictSame(counters, counted({ mails_sent: 1, mails_failed: 1 }))
  t.equal(clock.pending, 0)
  one.add(transition('MASTER'))
  t.equal(mail.sent.length, 3)
})

t.test('what is abandoned is counted, warned of, and its connection ended', async (t) => {
  const { log, mail, one, counters } = mailer()
  const { answer } = later()
  mail.answers.push(answer)
  one.add(transition('MASTER'))
  one.add(transition('BACKUP'))
  await flushPromises()
  t.equal(mail.sent[0]?.settings.signal?.aborted, false)
  one.abandon()
  t.equal(mail.sent[0]?.settings.signal?.aborted, true)
  t.strictSame(log.said('mails were not sent: vipd stops')[0]?.facts, { mails: 1 })
  t.strictSame(counters, counted({ dropped: 1 }))
})
