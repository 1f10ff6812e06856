import { readFileSync } from 'node:fs'
import t from 'tap'
import { History } from '../../../src/base/history.js'
import { proxyLog } from '../../../src/daemon/proxy-log.js'
import { MemoryLog } from '../../fakes/memory-log.js'

function make() {
  const memory = new MemoryLog()
  const history = new History()
  return { memory, history, log: proxyLog(memory, history, () => new Date(0)).child({ service: 'api' }) }
}

t.test('a state change is a line and an event, and as grave when it ends as when it began', async (t) => {
  const { memory, history, log } = make()
  log.warn({ server: 'a1', check: 'L4CON' }, 'server is DOWN')
  log.warn({ server: 'a1' }, 'server is UP')
  log.error({}, 'no server is available: clients are reset at once')
  log.warn({ server: 'a1' }, 'server drains')
  t.strictSame(
    memory.lines.map(({ level, facts }) => [level, facts['severity'], facts['service']]),
    [
      ['warn', 'alert', 'api'],
      ['warn', 'alert', 'api'],
      ['error', 'alert', 'api'],
      ['warn', undefined, 'api']
    ]
  )
  t.match(history.since(0), [
    {
      at: '1970-01-01T00:00:00.000Z',
      level: 'warn',
      scope: 'proxy',
      instance: 'api',
      event: 'server is DOWN',
      facts: { server: 'a1', check: 'L4CON' }
    },
    { event: 'server is UP' },
    { level: 'error' },
    { event: 'server drains' }
  ])
  t.notOk('severity' in (history.since(0)[0]?.facts ?? {}))
})

t.test('everything else is a line alone', async (t) => {
  const { memory, history, log } = make()
  log.warn({ error: 'ECONNREFUSED' }, 'connection to server failed')
  log.debug({}, 'constructor')
  t.equal(memory.lines.length, 2)
  t.strictSame(history.since(0), [])
})

t.test('the messages are those that the proxy has', async (t) => {
  const read = (file: string): string => readFileSync(new URL(`../../../../src/${file}`, import.meta.url), 'utf8')
  const messages = [...read('daemon/proxy-log.ts').matchAll(/^ {2}'?([a-z][^'{]*?)'?: \{/gm)].map(([, one = '']) => one)
  t.equal(messages.length, 14)
  const herald = read('proxy/herald.ts')
  for (const message of messages) t.ok(herald.includes(`'${message}'`), message)
})
