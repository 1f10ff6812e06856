import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { createLog } from '../../../src/base/log.js'
import type { SyslogEntry } from '../../../src/base/syslog-message.js'

function sinkOf(level: number) {
  const entries: SyslogEntry[] = []
  return { level, entries, write: (entry: SyslogEntry) => void entries.push(entry) }
}
const told = ({ severity, message, facts }: SyslogEntry) => [severity, message, facts]

t.test('a sink gets every line that is grave enough for it, with what the children add', async (t) => {
  const [all, warnings] = [sinkOf(7), sinkOf(4)]
  const log = createLog('fatal', [all, warnings])
  const child = log.child({ service: 'api' }).child({ server: 'a' })
  child.debug({}, 'check')
  child.info({ a: 1 }, 'settled')
  child.warn({ server: 'b' }, 'failed')
  log.error({}, 'broken')
  t.strictSame(all.entries.map(told), [
    [7, 'check', { service: 'api', server: 'a' }],
    [6, 'settled', { service: 'api', server: 'a', a: 1 }],
    [4, 'failed', { service: 'api', server: 'b' }],
    [3, 'broken', {}]
  ])
  t.strictSame(warnings.entries, all.entries.slice(2))
})

t.test('a fact `severity` of syslog words goes before the level', async (t) => {
  const [alerts, errors] = [sinkOf(1), sinkOf(3)]
  const log = createLog('fatal', [alerts, errors])
  log.warn({ severity: 'alert' }, 'server is DOWN')
  log.error({ severity: 'dreadful' }, 'broken')
  t.strictSame(alerts.entries.map(told), [[1, 'server is DOWN', { severity: 'alert' }]])
  t.equal(errors.entries.length, 2)
})

t.test('a record is info to the sinks, with its own line', async (t) => {
  const [infos, warnings] = [sinkOf(6), sinkOf(4)]
  const log = createLog('fatal', [infos, warnings])
  log.record({ scope: 'session' }, 'session ended', '127.0.0.1:1 [')
  t.match(infos.entries, [{ severity: 6, message: 'session ended', line: '127.0.0.1:1 [' }])
  t.strictSame(warnings.entries, [])
  t.equal(log.dropped, 0)
})

/** A process whose stdout nobody reads until it has said all that it has to say. */
async function unread(body: string): Promise<{ lines: string[]; dropped: number }> {
  const script = `
    const { createLog } = await import(process.argv[1] + '/base/log.js')
    const log = createLog('info')
    const pause = () => new Promise((resolve) => setTimeout(resolve, 5))
    ${body}
    process.send(log.dropped)
    await new Promise((resolve) => process.once('message', resolve))
    await log.settled()
    process.disconnect()
  `
  const src = new URL('../../../src', import.meta.url).pathname
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, src], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    timeout: 20_000
  })
  const [dropped] = await once(child, 'message')
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  child.send('read')
  await once(child, 'close')
  return { lines: text.trimEnd().split('\n'), dropped: Number(dropped) }
}

t.test('where stdout is not read nothing blocks: records go first, and all that is dropped is counted', async (t) => {
  const { lines, dropped } = await unread(`
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 500; j++) log.record({ session: i * 500 + j, filler: 'x'.repeat(200) }, 'session ended', null)
      await pause()
    }
    for (let i = 0; i < 100; i++) log.warn({ i }, 'server is DOWN')
  `)
  const count = (message: string) => lines.filter((line) => line.includes(message)).length
  t.ok(dropped > 1000, `${dropped}`)
  t.equal(count('session ended') + dropped, 10_000, 'none is lost without being counted')
  t.equal(count('server is DOWN'), 100, 'what matters is there')
  for (const line of lines) t.ok(JSON.parse(line))
})

t.test('lines beyond the bound are dropped and counted too', async (t) => {
  const { lines, dropped } = await unread(`
    for (let i = 0; i < 10; i++) {
      for (let j = 0; j < 500; j++) log.warn({ filler: 'x'.repeat(400) }, 'connection to server failed')
      await pause()
    }
  `)
  t.ok(dropped > 1000, `${dropped}`)
  t.equal(lines.length + dropped, 5000)
})
