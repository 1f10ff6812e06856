import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { AdminServer } from '../../../src/admin/server.js'
import { History } from '../../../src/base/history.js'
import { eventLines } from '../../../src/cli/events.js'
import { fakeControl } from '../../fakes/control.js'

const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const first = {
  at: '2026-01-02T00:00:00.000Z',
  level: 'info',
  scope: 'vrrp',
  instance: 'VI_1',
  event: 'state changed',
  facts: { from: 'BACKUP', to: 'MASTER', priority: 100, peer: { address: '10.0.0.2' }, none: undefined }
} as const

t.test('an event is a line: time, whose, what, facts', async (t) => {
  t.equal(
    eventLines([
      { seq: 1, ...first },
      { seq: 2, at: first.at, level: 'warn', scope: 'daemon', event: 'reload failed', facts: {} }
    ]),
    '2026-01-02T00:00:00.000Z  VI_1  state changed  from=BACKUP  to=MASTER  priority=100  peer={"address":"10.0.0.2"}  none=\n' +
      '2026-01-02T00:00:00.000Z  WARN  daemon  reload failed\n'
  )
  t.equal(eventLines([]), '')
})

t.test('what came from the network moves no cursor', async (t) => {
  const facts = { error: 'a\x1b[2Jb\nc\x9bd' }
  t.match(eventLines([{ seq: 1, ...first, facts }]), /error=a\?\[2Jb\?c\?d\n$/)
})

async function serve(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  const history = new History()
  history.add(first)
  const server = new AdminServer(fakeControl({ events: (since) => history.since(since) }), () => undefined)
  t.teardown(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const socket = join(folder, 'vipd.sock')
  await server.listenUnix(socket)
  return { socket, history }
}

async function run(args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [main, 'events', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const [code]: (number | null)[] = await once(child, 'close')
  return { code: code ?? null, out, err }
}

t.test('vipd events prints lines, or with --json an array', async (t) => {
  const { socket } = await serve(t)
  const plain = await run(['--socket', socket])
  t.strictSame([plain.code, plain.err], [0, ''])
  t.match(plain.out, /^2026-01-02T00:00:00\.000Z {2}VI_1 {2}state changed {2}from=BACKUP/)
  const json = await run(['--socket', socket, '--json'])
  t.match(JSON.parse(json.out), [{ seq: 1, instance: 'VI_1', facts: { to: 'MASTER' } }])
  const none = await run(['--socket', '/nonexistent.sock'])
  t.equal(none.code, 1)
  t.match(none.err, /vipd is not running here/)
})

t.test('vipd events --follow tells what comes, each once', async (t) => {
  const { socket, history } = await serve(t)
  const child = spawn(process.execPath, [main, 'events', '--follow', '--json', '--socket', socket], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill())
  const seen: number[] = []
  let rest = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    const lines = (rest + String(text)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const parsed: unknown = JSON.parse(line)
      if (typeof parsed === 'object' && parsed !== null && 'seq' in parsed) seen.push(Number(parsed.seq))
      if (seen.length < 3) history.add({ ...first, event: `number ${seen.length}` })
    }
    if (seen.length >= 3) break
  }
  t.strictSame(seen, [1, 2, 3])
})
