import { mkdtempSync, rmSync } from 'node:fs'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AdminServer } from '../../../src/admin/server.js'
import type { Control, Status } from '../../../src/admin/status.js'
import type { HistoryEvent } from '../../../src/base/history.js'
import { fakeControl } from '../../fakes/control.js'
import { status } from '../../fakes/status.js'

/** The status page and what it is told, over the same door as all else. */

async function serve(t: Test, overrides: Partial<Control> = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  const server = new AdminServer(fakeControl(overrides), (error) => t.fail(String(error)))
  t.teardown(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const path = join(folder, 'vipd.sock')
  await server.listenUnix(path)
  return path
}

interface Page {
  readonly answer: IncomingMessage
  readonly asked: ClientRequest
  /** The next message of this kind. */
  next<Data>(event: string): Promise<Data>
}

function open(t: Test, socketPath: string, path: string): Promise<Page> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false }, (answer) => {
      let text = ''
      const waiting: (() => void)[] = []
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        for (const look of waiting.splice(0)) look()
      })
      answer.on('error', () => undefined)
      const next = async <Data>(event: string): Promise<Data> => {
        for (;;) {
          const found = new RegExp(`event: ${event}\\ndata: (.*)\\n\\n`).exec(text)
          if (found?.[1] !== undefined) {
            text = text.slice(0, found.index) + text.slice(found.index + found[0].length)
            return JSON.parse(found[1])
          }
          await new Promise<void>((woken) => waiting.push(woken))
        }
      }
      resolve({ answer, asked, next })
    })
    t.teardown(() => asked.destroy())
    asked.on('error', reject).end()
  })
}

const event = (seq: number): HistoryEvent => ({
  seq,
  at: '2026-01-01T00:00:00Z',
  level: 'info',
  scope: 'vrrp',
  event: 'x',
  facts: {}
})

t.test('a page is told the status at once and each second, and events once each', async (t) => {
  const all = [event(1), event(2)]
  const path = await serve(t, { events: (since) => all.filter(({ seq }) => seq > since) })
  const page = await open(t, path, '/live?since=1')
  t.match(page.answer.headers, { 'content-type': 'text/event-stream' })
  t.strictSame(await page.next('events'), [event(2)])
  t.match(await page.next<Status>('status'), { node: 'master01', at: String })
  all.push(event(3))
  t.strictSame(await page.next('events'), [event(3)])
  t.match(await page.next<Status>('status'), { node: 'master01' })
})

t.test('one status for all pages, and none while nobody looks', async (t) => {
  let asked = 0
  const path = await serve(t, {
    status: async () => {
      asked++
      return status()
    }
  })
  const pages = [await open(t, path, '/live'), await open(t, path, '/live'), await open(t, path, '/live')]
  for (let i = 0; i < 2; i++) for (const page of pages) await page.next('status')
  t.ok(asked <= 5, `${asked} for six tellings`)
  for (const page of pages) page.asked.destroy()
  await new Promise((resolve) => setTimeout(resolve, 100))
  const before = asked
  await new Promise((resolve) => setTimeout(resolve, 1200))
  t.equal(asked, before)
})

t.test('the seventeenth page is told that there are too many; when one closes there is room again', async (t) => {
  const path = await serve(t)
  const pages: Page[] = []
  for (let i = 0; i < 16; i++) pages.push(await open(t, path, '/live'))
  const late = await open(t, path, '/live')
  t.equal(late.answer.statusCode, 503)
  pages[0]?.asked.destroy()
  for (let code = 503; code !== 200; ) code = (await open(t, path, '/live')).answer.statusCode ?? 0
})

t.test('a page that never reads is let go, and keeps nobody else waiting', async (t) => {
  const big = { ...status(), node: 'x'.repeat(900_000) }
  const path = await serve(t, { status: async () => big })
  const stuck = createConnection(path)
  stuck.write('GET /live HTTP/1.1\r\nHost: x\r\n\r\n')
  stuck.pause()
  const closed = new Promise((resolve) => stuck.once('close', resolve))
  stuck.on('error', () => undefined)
  const page = await open(t, path, '/live')
  for (let i = 0; i < 4; i++) await page.next('status')
  stuck.resume()
  await closed
})

t.test('the page and its files: nothing from elsewhere, in nobody’s frame', async (t) => {
  const path = await serve(t)
  for (const [name, type] of [
    ['/', 'text/html'],
    ['/page.css', 'text/css'],
    ['/page.js', 'text/javascript']
  ] as const) {
    const { answer } = await open(t, path, name)
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['content-type'], type)
    t.match(answer.headers['content-security-policy'], /default-src 'none'; script-src 'self'.*frame-ancestors 'none'/)
  }
  for (const name of ['/page/', '/../page.js', '/index.html', '/constructor'])
    t.equal((await open(t, path, name)).answer.statusCode, 404, name)
})
