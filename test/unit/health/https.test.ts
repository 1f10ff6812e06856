import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import t, { type Test } from 'tap'
import type { HttpCheck } from '../../../src/config/check-schema.js'
import type { CheckResult } from '../../../src/health/checker.js'
import { MAX_KEPT_MS } from '../../../src/health/http.js'
import { LOOK_AGAIN_MS } from '../../../src/health/watched-file.js'
import { type Asking, answering, asking, listen, reply, scripted, until } from './http-fixtures.js'
import { type Pair, Pki } from './pki.js'

const pki = new Pki()
t.teardown(() => pki.remove())
const ca = await pki.authority('ca')
const otherCa = await pki.authority('other-ca')
const names = 'IP:127.0.0.1,DNS:kubernetes'
const good = await pki.certificate('good', ca, names)
const client = await pki.certificate('client', ca, 'DNS:client')

interface Secure {
  readonly port: number
  readonly sockets: TLSSocket[]
  readonly heard: string[]
  options(options: TlsOptions): void
}

const files = ({ crt, key }: Pair): TlsOptions => ({ cert: readFileSync(crt), key: readFileSync(key) })

/** A TLS server with this certificate that is always ready. */
async function secure(t: Test, pair: Pair, options: TlsOptions = {}): Promise<Secure> {
  const sockets: TLSSocket[] = []
  const heard: string[] = []
  const server = createServer({ ...files(pair), ...options }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    answering((request) => {
      heard.push(request)
      return reply('200 OK', 'ok')
    })(socket)
  })
  server.on('tlsClientError', () => undefined)
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  const port = await listen(t, server)
  return { port, sockets, heard, options: (next) => server.setSecureContext(next) }
}

const check = (t: Test, port: number, settings: Partial<HttpCheck> = {}): Asking =>
  asking(t, port, { isTls: true, caFile: ca.crt, ...settings })

const refused = (result: CheckResult, detail: RegExp): void => {
  t.match(result, { isOk: false, isAlive: true, code: 'L6RSP', detail })
}

t.test('a good certificate: by its address, or by the name that is asked for', async (t) => {
  const server = await secure(t, good)
  const { ask } = check(t, server.port)
  for (let i = 0; i < 20; i++) t.match(await ask(), { isOk: true, code: 'L7OK' })
  t.equal(server.sockets.length, 1, 'one connection for all of them')
  t.notOk(server.sockets[0]?.servername, 'an address is no name to ask for')
  t.match(await check(t, server.port, { servername: 'kubernetes' }).ask(), { isOk: true })
  t.equal(server.sockets[1]?.servername, 'kubernetes')
})

t.test('what is wrong with a certificate is said, with what to do', async (t) => {
  const expired = await secure(t, await pki.certificate('expired', ca, names, -1))
  refused(await check(t, expired.port).ask(), /has expired: renew it/)
  refused(await check(t, (await secure(t, good)).port, { caFile: otherCa.crt }).ask(), /not trusted here: set ca_file/)
  const named = await secure(t, await pki.certificate('named', ca, 'DNS:somewhere.else,IP:10.0.0.1'))
  refused(await check(t, named.port).ask(), /for other names: .*set servername/)
  refused(await check(t, named.port, { servername: 'kubernetes' }).ask(), /for other names: .*somewhere\.else/)
  refused(await check(t, (await secure(t, otherCa)).port).ask(), /self-signed/)
  t.match(await check(t, expired.port, { verify: false }).ask(), { isOk: true }, 'unless nobody looks')
  t.match(await check(t, named.port, { servername: 'somewhere.else' }).ask(), { isOk: true })
})

t.test('without ca_file the system is asked, which does not know our authority', async (t) => {
  refused(await check(t, (await secure(t, good)).port, { caFile: null }).ask(), /not trusted here/)
})

t.test('a server that wants a client certificate', async (t) => {
  const wants = { requestCert: true, rejectUnauthorized: true, ca: readFileSync(ca.crt) }
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const server = await secure(t, good, { ...wants, maxVersion })
    const without = await check(t, server.port).ask()
    t.match(without.code, /^L[67]RSP$/, maxVersion)
    t.match(without.detail, /client certificate/, maxVersion)
    t.match(await check(t, server.port, { crtFile: client.crt, keyFile: client.key }).ask(), { isOk: true }, maxVersion)
    const both = pki.path('both.pem')
    writeFileSync(both, readFileSync(client.crt, 'utf8') + readFileSync(client.key, 'utf8'))
    t.match(await check(t, server.port, { crtFile: both }).ask(), { isOk: true }, 'the key beside the certificate')
    const foreign = await pki.certificate('foreign', otherCa, 'DNS:client')
    const wrong = await check(t, server.port, { crtFile: foreign.crt, keyFile: foreign.key }).ask()
    t.notOk(wrong.isOk, maxVersion)
  }
})

t.test('alerts, other versions, no TLS at all', async (t) => {
  const alert = await scripted(t, (socket) =>
    socket.once('data', () => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 40])))
  )
  refused(await check(t, alert.port).ask(), /ended the handshake/)
  const internal = await scripted(t, (socket) =>
    socket.once('data', () => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 80])))
  )
  refused(await check(t, internal.port).ask(), /internal error/)
  const plain = await scripted(t, (socket) => socket.once('data', () => socket.end(reply('400 Bad Request'))))
  refused(await check(t, plain.port).ask(), /does not speak TLS.*type http/)
  const secureOne = await secure(t, good)
  const asPlain = asking(t, secureOne.port)
  t.match(await asPlain.ask(), { isOk: false, code: 'L7RSP', detail: /type https/ })
})

t.test('a server that closes in the handshake, or says nothing in it', async (t) => {
  for (const end of ['end', 'resetAndDestroy'] as const) {
    const closing = await scripted(t, (socket) => socket.once('data', () => socket[end]()))
    const result = await check(t, closing.port).ask()
    t.match(result, { isOk: false, code: 'L6RSP', detail: /closed the connection in the TLS handshake/ })
    t.notOk(result.isAlive)
  }
  const silent = await scripted(t, () => undefined)
  const { ask, clock } = check(t, silent.port)
  const waiting = ask()
  await until(() => silent.heard.length > 0, 'the hello')
  await clock.advance(1000)
  t.match(await waiting, { isOk: false, code: 'L6TOUT', detail: 'no end of the TLS handshake within 1000 ms' })
  await until(() => silent.sockets[0]?.destroyed === true, 'the end of the connection')
})

t.test('a PROXY header goes before the handshake', async (t) => {
  const silent = await scripted(t, () => undefined)
  const { probe } = asking(t, silent.port, { isTls: true, caFile: ca.crt }, true)
  probe(1000, () => undefined)
  await until(() => silent.heard.length > 20, 'the hello')
  t.ok(silent.heard.startsWith('PROXY UNKNOWN\r\n\x16\x03'))
})

t.test('the authority is read again when its file changes, and the kept connection is made anew', async (t) => {
  const server = await secure(t, good)
  const caFile = pki.path('rotating-ca.crt')
  copyFileSync(ca.crt, caFile)
  const { ask, clock } = check(t, server.port, { caFile })
  t.match(await ask(), { isOk: true })
  writeFileSync(caFile, readFileSync(otherCa.crt))
  await clock.advance(LOOK_AGAIN_MS)
  refused(await ask(), /not trusted here/)
  writeFileSync(caFile, readFileSync(otherCa.crt, 'utf8') + readFileSync(ca.crt, 'utf8'))
  await clock.advance(LOOK_AGAIN_MS)
  t.match(await ask(), { isOk: true }, 'a bundle of both')
  writeFileSync(caFile, 'no certificate')
  await clock.advance(LOOK_AGAIN_MS)
  t.match(await ask(), { isOk: true, problem: 'the certificates cannot be used: ca_file has no certificate' })
  rmSync(caFile)
  await clock.advance(LOOK_AGAIN_MS)
  t.match(await ask(), { isOk: true, problem: /no such file/ }, 'what was good before is used on')
})

t.test('a client certificate that is renewed: the last pair that fits, until the new one is whole', async (t) => {
  const server = await secure(t, good, { requestCert: true, rejectUnauthorized: false, ca: readFileSync(ca.crt) })
  const crtFile = pki.path('rotating.crt')
  const keyFile = pki.path('rotating.key')
  copyFileSync(client.crt, crtFile)
  copyFileSync(client.key, keyFile)
  const { ask, clock } = check(t, server.port, { crtFile, keyFile })
  const shown = (): string | undefined => server.sockets.at(-1)?.getPeerCertificate().subject?.CN as string | undefined
  await ask()
  t.equal(shown(), 'client')
  const renewed = await pki.certificate('renewed', ca, 'DNS:client')
  copyFileSync(renewed.crt, crtFile)
  await clock.advance(LOOK_AGAIN_MS)
  t.match(await ask(), { isOk: true, problem: /cannot be used: .*mismatch/i })
  t.equal(server.sockets.length, 1)
  copyFileSync(renewed.key, keyFile)
  await clock.advance(LOOK_AGAIN_MS)
  t.match(await ask(), { isOk: true, detail: '200 OK' })
  t.equal(server.sockets.length, 2)
  t.equal(shown(), 'renewed')
})

t.test('a server whose certificate is renewed meanwhile', async (t) => {
  const server = await secure(t, good)
  const { ask } = check(t, server.port)
  await ask()
  server.options(files(await pki.certificate('late', ca, names, -1)))
  t.match(await ask(), { isOk: true }, 'the connection that is kept goes on')
  server.sockets[0]?.destroy()
  await until(() => server.sockets[0]?.destroyed === true, 'its end')
  await new Promise((resolve) => setImmediate(resolve))
  refused(await ask(), /has expired/)
})

t.test('without any authority nobody is trusted, and nothing secret is sent', async (t) => {
  const server = await secure(t, good)
  const tokenFile = pki.path('token')
  writeFileSync(tokenFile, 'secret')
  const { ask } = check(t, server.port, { caFile: pki.path('none.crt'), tokenFile })
  t.match(await ask(), { isOk: false, isAlive: true, isUnsure: true, code: 'L7OKC', detail: /none\.crt: no such file/ })
  t.notMatch(server.heard.join(), /secret/)
})

t.test('a connection is kept for a minute at most: what a client meets that connects now is found out', async (t) => {
  const server = await secure(t, good)
  const { ask, clock } = check(t, server.port)
  t.match(await ask(), { isOk: true })
  server.options(files(await pki.certificate('expired-since', ca, names, -1)))
  await clock.advance(MAX_KEPT_MS - 1)
  t.match(await ask(), { isOk: true })
  await clock.advance(1)
  refused(await ask(), /has expired: renew it/)
  t.equal(server.sockets.length, 1)
})
