import { createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { agentProbe } from '../../../src/health/agent.js'
import { readAgentLine } from '../../../src/health/agent-words.js'
import type { CheckResult, Probe } from '../../../src/health/checker.js'
import { Pacer } from '../../../src/health/pacer.js'
import { judge, unknownVerdict } from '../../../src/health/verdict.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { runs } from '../../runs.js'

t.test('the words of an agent', async (t) => {
  const said = (line: string) => {
    const { isOk, isSilent = false, code, advice = {} } = readAgentLine(line)
    return [isOk, isSilent, code, advice]
  }
  t.strictSame(said('up'), [true, false, 'L7OK', {}])
  t.strictSame(said('UP ready 80% maxconn:30'), [
    true,
    false,
    'L7OK',
    { state: 'ready', weightPercent: 80, maxconn: 30 }
  ])
  for (const word of ['down', 'fail', 'stopped']) t.strictSame(said(word), [false, false, 'L7STS', {}], word)
  t.strictSame(said('drain'), [true, true, 'L7OK', { state: 'drain' }])
  t.strictSame(said('maint,0%'), [true, true, 'L7OK', { state: 'maint', weightPercent: 0 }])
  t.strictSame(said('\t75%\t'), [true, true, 'L7OK', { weightPercent: 75 }])
  t.strictSame(said('down#no disk, 100% full'), [false, false, 'L7STS', {}])
  t.equal(readAgentLine('down#no disk').detail, 'no disk')
  t.equal(readAgentLine('up 50%').detail, 'up 50%')
})

t.test('a line that is not understood says nothing, however much of it is', async (t) => {
  for (const line of [
    '',
    '   ',
    'hello',
    'up 101%',
    'up maxconn:',
    'up maxconn:-1',
    '7.5%',
    'upp',
    'maxconn:99999999'
  ]) {
    const answer = readAgentLine(line)
    t.match(answer, { isOk: false, isAlive: true, isUnsure: true, isSilent: true, code: 'L7RSP' }, line)
    t.equal(answer.advice, undefined)
  }
})

t.test('any line: nothing throws, and a share is one of 0 to 100', async () => {
  const word = fc.oneof(
    fc.constantFrom('up', 'DOWN', 'ready', 'drain', 'maint', '#', ',', 'maxconn:7', '100%'),
    fc.nat(300).map((share) => `${share}%`),
    fc.string({ maxLength: 8 })
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      const { advice, detail, code } = readAgentLine(words.join(' '))
      const share = advice?.weightPercent ?? 0
      return share >= 0 && share <= 100 && /^[\x20-\x7e…]*$/.test(detail) && ['L7OK', 'L7STS', 'L7RSP'].includes(code)
    }),
    runs(2000)
  )
})

/** An agent that does this with each connection. */
async function agent(t: Test, serve: (socket: Socket) => unknown): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined)
    serve(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const ports = (clock = new ManualClock()) => ({ clock, pacer: new Pacer(clock) })
const once = (probe: Probe, timeoutMs = 1000): Promise<CheckResult> =>
  new Promise((resolve) => probe(timeoutMs, resolve))

t.test('an agent is asked over TCP', async (t) => {
  const heard: string[] = []
  const port = await agent(t, (socket) => {
    socket.on('data', (chunk) => {
      heard.push(chunk.toString())
      socket.end('up 50%\r\nignored')
    })
  })
  const result = await once(agentProbe({ host: '127.0.0.1', port, send: 'how are you' }, ports()))
  t.match(result, { isOk: true, code: 'L7OK', advice: { weightPercent: 50 } })
  t.strictSame(heard, ['how are you\n'])
})

t.test('one that is asked nothing speaks first, in single bytes', async (t) => {
  const port = await agent(t, async (socket) => {
    for (const letter of 'drain\n') await new Promise((resolve) => socket.write(letter, resolve))
    socket.on('data', () => t.fail('something was said'))
  })
  const result = await once(agentProbe({ host: '127.0.0.1', port, send: '' }, ports()))
  t.match(result, { isOk: true, isSilent: true, advice: { state: 'drain' } })
})

t.test('an agent that cannot be used downs nobody', async (t) => {
  const silence = { isOk: false, isAlive: true, isUnsure: true, isSilent: true }
  const clock = new ManualClock()
  const dead = await agent(t, () => undefined)
  const closing = await agent(t, (socket) => socket.end('up'))
  const endless = await agent(t, (socket) => {
    const more = (): boolean => socket.write('x'.repeat(512))
    socket.on('drain', more)
    socket.resume()
    for (let i = 0; i < 4; i++) more()
  })
  const resetting = await agent(t, (socket) => socket.resetAndDestroy())
  const ask = (port: number): Promise<CheckResult> =>
    once(agentProbe({ host: '127.0.0.1', port, send: '' }, ports(clock)))
  t.match(await ask(closing), { ...silence, code: 'L7RSP', detail: /before its line ended/ })
  t.match(await ask(endless), { ...silence, code: 'L7RSP', detail: /longer than 1 KiB/ })
  t.match(await ask(resetting), { ...silence, code: /^(L4CON|L7RSP)$/ })
  t.match(await ask(1), { ...silence, code: 'L4CON', detail: 'ECONNREFUSED' })
  const waiting = ask(dead)
  await clock.advance(1000)
  const late = await waiting
  t.match(late, { ...silence, tookMs: 1000 })
  t.match(late.code, /^L[47]TOUT$/)
  const up = judge(unknownVerdict, { isOk: true }, { rise: 1, fall: 1 })
  t.strictSame(judge(up, late, { rise: 1, fall: 1 }), up)
  t.equal(clock.pending, 0)
})

t.test('given up, it answers no more', async (t) => {
  const clock = new ManualClock()
  const port = await agent(t, () => undefined)
  const probe = agentProbe({ host: '127.0.0.1', port, send: '' }, ports(clock))
  probe(1000, () => t.fail('an answer'))
  probe.close?.()
  await clock.advance(2000)
  t.equal(clock.pending, 0)
})
