import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import puppeteer, { type Page } from 'puppeteer-core'
import t, { type Test } from 'tap'
import { AdminServer } from '../../src/admin/server.js'
import type { Control, Status } from '../../src/admin/status.js'
import { type Clock, systemClock } from '../../src/base/clock.js'
import { fakeControl } from '../fakes/control.js'
import { peers, status } from '../fakes/status.js'
import { whyNoLab } from '../lab/packages.js'
import { poll } from '../lab/wait.js'

/** The status page in Debian's Chromium: what a person sees there, at every width, in light and dark. Screenshots go to dist/test-output. */

t.setTimeout(120_000)
const skip = whyNoLab(['chromium']) ?? false
const shots = new URL('../../test-output/', import.meta.url).pathname

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** A node whose figures move: sessions come and go. */
function moving(): {
  control: Partial<Control>
  change: (status: Status) => Status
  set: (to: (one: Status) => Status) => void
} {
  let seconds = 0
  let change = (one: Status): Status => one
  const began = performance.now()
  let passed = 0
  const now = (): Status => {
    seconds++
    passed += ((performance.now() - began) / 1000 - passed) * (1 + 0.2 * Math.sin(seconds / 5))
    const one = status()
    const proxy = one.proxy.map((service) => {
      const current = 800 + Math.round(200 * Math.sin(seconds / 9))
      const total = service.sessions.total + Math.round(passed * 120)
      const servers = service.servers.map((server, i) =>
        server.status === 'UP'
          ? {
              ...server,
              sessions: {
                current: Math.round(current / 2) + 9 * i,
                total: server.sessions.total + Math.round(passed * 60)
              }
            }
          : server
      )
      return {
        ...service,
        sessions: { ...service.sessions, current, total },
        bytes_out: Math.round(passed * 4e7),
        servers
      }
    })
    return change({ ...one, proxy, peers: peers() })
  }
  const events = [
    ['info', 'vrrp', 'VI_1', 'state', { from: 'BACKUP', to: 'MASTER', reason: 'master down' }],
    ['warn', 'proxy', 'https-apiserver', 'server down', { server: 'apiserver03', reason: 'L4CON ECONNREFUSED' }]
  ] as const
  const history = events.map(([level, scope, instance, event, facts], i) => {
    return { seq: i + 1, at: new Date(Date.UTC(2026, 0, 2, 3, i)).toISOString(), level, scope, instance, event, facts }
  })
  return {
    control: { status: async () => now(), events: (since) => history.filter(({ seq }) => seq > since) },
    change: (one) => change(one),
    set: (to) => {
      change = to
    }
  }
}

/** A page that is looked at for a minute, in a few seconds. */
const quick: Pick<Clock, 'every'> = { every: (periodMs, run) => systemClock.every(periodMs / 20, run) }

/** The page's own policy forbids what puppeteer's waitForFunction does. */
const until = (page: Page, isSo: string): Promise<unknown> => poll(() => page.evaluate(isSo), 20_000, isSo)

async function serve(t: Test, control: Partial<Control>, port: number): Promise<AdminServer> {
  const server = new AdminServer(fakeControl(control), (error) => t.fail(String(error)), quick)
  await server.listenTcp('127.0.0.1', port)
  return server
}

t.test('the status page', { skip }, async (t) => {
  const browser = await puppeteer.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu']
  })
  t.teardown(() => browser.close())
  mkdirSync(shots, { recursive: true })
  const port = await freePort()
  const { control, set } = moving()
  let server = await serve(t, control, port)
  t.teardown(() => server.close())
  const errors: string[] = []
  const open = async (width: number, height: number, theme: 'light' | 'dark'): Promise<Page> => {
    const page = await browser.newPage()
    page.on('pageerror', (error) => errors.push(String(error)))
    await page.setViewport({ width, height })
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }])
    await page.goto(`http://127.0.0.1:${port}/`)
    await page.waitForSelector('#vrrp .card')
    return page
  }
  const textOf = (page: Page, selector: string): Promise<string> =>
    // As it is laid out: with spaces between cells.
    // biome-ignore lint/performance/useDomNodeTextContent: textContent would run cells together.
    page.$eval(selector, (one) => (one as unknown as { innerText: string }).innerText)
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

  for (const [name, width, height, theme] of [
    ['light', 1280, 900, 'light'],
    ['dark', 1280, 900, 'dark'],
    ['phone', 390, 844, 'light'],
    ['phone-dark', 390, 844, 'dark'],
    ['wide', 2200, 1000, 'dark']
  ] as const) {
    await t.test(`${name}: shows what is the case, fits, and is accessible`, async (t) => {
      const page = await open(width, height, theme)
      t.match(await textOf(page, '#vrrp'), /VI_1\s+MASTER\s+10\.32\.255\.99\/32 held here/)
      t.match(await textOf(page, '#proxy'), /https-apiserver\s+serving/)
      t.match(await textOf(page, '#proxy'), /apiserver03(?:.|\n)*DOWN(?:.|\n)*found dead: L4CON ECONNREFUSED/)
      t.match(await textOf(page, '#nodes'), /master02\s+VI_1 BACKUP since .* priority 88/)
      t.match(
        await textOf(page, '#nodes'),
        /10\.32\.138\.27:8405\s+never heard\s+it cannot be told anything: connect EHOSTUNREACH/
      )
      t.match(await textOf(page, '#events'), /server down server=apiserver03/)
      await until(page, "document.querySelector('svg.spark path').getAttribute('d').split('L').length >= 60")
      const overflow = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth'
      )
      t.equal(overflow, 0, 'nothing is wider than the window')
      await page.screenshot({ path: `${shots}page-${name}.png`, fullPage: true })
      // The page's own policy forbids it: it is put in by the debugger.
      await page.evaluate(axe)
      const found = (await page.evaluate(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes[0].html))'
      )) as string[]
      t.strictSame(found, [])
      await page.close()
    })
  }

  await t.test('trouble is seen at once', async (t) => {
    const page = await open(1280, 900, 'light')
    set((one) => ({
      ...one,
      config: { ...one.config, problems: ['maxconn 20000 needs 41312 open files'] },
      vrrp: one.vrrp.map((instance) => ({ ...instance, state: 'FAULT', fault: ['bond0: link down'] })),
      proxy: one.proxy.map((service) => ({ ...service, serving: 'none' }))
    }))
    await until(page, "document.querySelector('#vrrp').innerText.includes('bond0: link down')")
    t.match(await textOf(page, '#vrrp'), /FAULT/)
    t.match(await textOf(page, '#problems'), /41312 open files/)
    t.match(await textOf(page, '#proxy'), /no server/)
    t.match(await page.title(), /^✗/)
    await page.screenshot({ path: `${shots}page-trouble.png`, fullPage: true })
    await page.close()
    set((one) => one)
  })

  await t.test('a page that is left open over a restart says so, and goes on', async (t) => {
    const page = await open(1280, 900, 'light')
    await server.close()
    await until(page, "document.querySelector('#link').innerText.includes('vipd does not answer')")
    server = await serve(t, control, port)
    await until(page, "document.querySelector('#link').innerText === 'live'")
    t.equal((await page.$$('#events li')).length, 2, 'and shows each event once')
    await page.close()
  })

  await t.test('what comes from the network is text, never markup', async (t) => {
    set((one) => ({
      ...one,
      proxy: one.proxy.map((service) => ({ ...service, name: '<img src=x onerror=alert(1)>' }))
    }))
    const page = await open(1280, 900, 'light')
    t.match(await textOf(page, '#proxy'), /<img src=x onerror=alert\(1\)>/)
    t.equal((await page.$$('#proxy img')).length, 0)
    await page.close()
  })
  t.strictSame(errors, [])
})
