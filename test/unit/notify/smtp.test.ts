import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import t, { type Test } from 'tap'
import { type MailSettings, sendMail } from '../../../src/os/mail.js'
import { AT } from './fixtures.js'

interface Received {
  from: string
  to: string[]
  helo: string
  isSecure: boolean
  raw: string
}

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** A real mail server on loopback. */
async function smtp(t: Test, options: SMTPServerOptions = {}) {
  const received: Received[] = []
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    // It would complain of its own certificate.
    logger: false,
    onData(stream, session, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          helo: session.hostNameAppearsAs || '',
          isSecure: session.secure,
          raw: Buffer.concat(chunks).toString()
        })
        callback()
      })
    },
    ...options
  })
  server.on('error', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  t.teardown(() => new Promise<void>((resolve) => server.close(resolve)))
  return { received, port: portOf(server.server) }
}

/** A server that does what the test says with each connection. */
async function tcp(t: Test, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return portOf(server)
}

/** Answers each line that has a word of `answers` in it; the rest with 250. */
const speak =
  (answers: Readonly<Record<string, string>>) =>
  (socket: Socket): void => {
    socket.write('220 here\r\n')
    socket.on('data', (chunk) => {
      for (const line of chunk
        .toString()
        .split('\r\n')
        .filter((line) => line !== '')) {
        const word = Object.keys(answers).find((word) => line.startsWith(word))
        socket.write(`${(word === undefined ? undefined : answers[word]) ?? '250 ok'}\r\n`)
      }
    })
  }

const to = (port: number, more: Partial<MailSettings> = {}): MailSettings => ({
  host: '127.0.0.1',
  port,
  heloName: 'node1.example.com',
  connectTimeoutMs: 5000,
  ...more
})
const message = {
  from: 'vipd@example.com',
  to: ['ops@example.com', 'second@example.com'],
  subject: '[NODE_A] VRRP Instance VI_1 - Entering MASTER state',
  text: '=> VRRP Instance is now owning VRRP VIPs <=\n\nReason: master-down\n',
  date: AT,
  messageId: '<1@node1>'
}

t.test('a mail arrives: envelope, headers, body', async (t) => {
  const { received, port } = await smtp(t)
  t.strictSame(await sendMail(to(port), message), { ok: true, rejected: [] })
  const [mail] = received
  t.match(mail, { from: 'vipd@example.com', to: ['ops@example.com', 'second@example.com'], helo: 'node1.example.com' })
  const [head = '', body = ''] = mail?.raw.split('\r\n\r\n', 2) ?? []
  t.match(head, /^Subject: \[NODE_A\] VRRP Instance VI_1 - Entering MASTER state\r$/m)
  t.match(head, /^From: vipd@example\.com\r$/m)
  t.match(head, /^To: ops@example\.com, second@example\.com\r$/m)
  t.match(head, /^Date: Sun, 22 Nov 2026 20:24:44 \+0000\r$/m)
  t.match(head, /^Message-ID: <1@node1>\r$/m)
  t.match(head, /^Auto-Submitted: auto-generated\r$/m)
  t.match(head, /^X-Mailer: vipd\r?$/m)
  t.equal(body, '=> VRRP Instance is now owning VRRP VIPs <=')
  t.match(mail?.raw, /Reason: master-down\r\n/)
})

t.test(
  'a certificate of the relay’s own making is taken, and nothing goes in plain text where TLS is offered',
  async (t) => {
    const { received, port } = await smtp(t)
    await sendMail(to(port), message)
    t.equal(received[0]?.isSecure, true)
  }
)

t.test('a server without STARTTLS gets plain text', async (t) => {
  const { received, port } = await smtp(t, { disabledCommands: ['STARTTLS'] })
  t.strictSame(await sendMail(to(port), message), { ok: true, rejected: [] })
  t.equal(received[0]?.isSecure, false)
})

t.test('so does one whose STARTTLS fails', async (t) => {
  const port = await tcp(
    t,
    speak({ EHLO: '250-here\r\n250 STARTTLS', STARTTLS: '454 no', DATA: '354 go', QUIT: '221 bye' })
  )
  t.match(await sendMail(to(port), message), { ok: true })
})

t.test('an address with a comma in it is one address', async (t) => {
  const { received, port } = await smtp(t)
  await sendMail(to(port), { ...message, to: ['a,b@example.com'] })
  t.strictSame(received[0]?.to, ['"a,b"@example.com'])
})

t.test('a refused recipient does not cost the others their mail', async (t) => {
  const { received, port } = await smtp(t, {
    onRcptTo: ({ address }, _session, callback) =>
      callback(address === 'ops@example.com' ? Object.assign(new Error('who?'), { responseCode: 550 }) : null)
  })
  t.strictSame(await sendMail(to(port), message), { ok: true, rejected: ['ops@example.com'] })
  t.strictSame(received[0]?.to, ['second@example.com'])
})

const refusing = (responseCode: number): SMTPServerOptions => ({
  onRcptTo: (_address, _session, callback) => callback(Object.assign(new Error('not you'), { responseCode }))
})

t.test('when all are refused it failed: for good (5xx) or for now (4xx)', async (t) => {
  const forGood = await smtp(t, refusing(550))
  t.match(await sendMail(to(forGood.port), message), { ok: false, detail: /not you/, isPermanent: true })
  const forNow = await smtp(t, refusing(450))
  t.match(await sendMail(to(forNow.port), message), { ok: false, detail: /not you/, isPermanent: false })
})

t.test('a refused connection is a failure, not a rejection', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  t.match(await sendMail(to(port), message), { ok: false, detail: /ECONNREFUSED/, isPermanent: false })
})

t.test('a host that cannot be found is one too', async (t) => {
  const result = await sendMail(to(25, { host: 'nowhere.invalid', connectTimeoutMs: 2000 }), message)
  t.match(result, { ok: false, isPermanent: false })
})

t.test('a server that hangs in the greeting, or after it, is given up', async (t) => {
  const silent = await tcp(t, () => undefined)
  const failure = { ok: false, detail: /^(?!the server took too long)/, isPermanent: false }
  t.match(await sendMail(to(silent, { connectTimeoutMs: 100 }), message), failure)
  const chatty = await tcp(t, (socket) => {
    const timer = setInterval(() => socket.write('220-more\r\n'), 20)
    socket.on('close', () => clearInterval(timer))
  })
  t.match(await sendMail(to(chatty, { connectTimeoutMs: 100 }), message), failure)
  const dumb = await tcp(t, (socket) => socket.write('220 here\r\n'))
  t.match(await sendMail(to(dumb, { connectTimeoutMs: 100 }), message), failure)
})

t.test('a server that never stops talking is given up after four times the deadline', async (t) => {
  const port = await tcp(t, (socket) => {
    socket.write('220 here\r\n')
    const timer = setInterval(() => socket.write('250-more\r\n'), 20)
    socket.on('close', () => clearInterval(timer))
  })
  t.strictSame(await sendMail(to(port, { connectTimeoutMs: 100 }), message), {
    ok: false,
    detail: 'the server took too long',
    isPermanent: false
  })
})

t.test('who asked may give up, before or in the middle', async (t) => {
  const controller = new AbortController()
  const port = await tcp(t, () => controller.abort())
  const settings = to(port, { connectTimeoutMs: 60_000, signal: controller.signal })
  t.match(await sendMail(settings, message), { ok: false, isPermanent: false })
  t.match(await sendMail(settings, message), { ok: false, isPermanent: false })
})
