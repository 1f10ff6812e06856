import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { address6Of, Lab, type LabNode } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { socketOf, Vipd } from '../lab/vipd.js'

/**
 * Servers see the clients' addresses, and their answers find their way back through the proxy. The commands are those
 * of docs/operations.md, read from there.
 */

t.setTimeout(120_000)
const skip = whyNoLab(['nftables']) ?? false

const SERVER = `
require('node:net').createServer((socket) => {
  socket.on('error', () => {})
  socket.write(socket.remoteAddress.replace('::ffff:', '') + '\\n')
  socket.pipe(socket)
}).listen(6443, '::', () => console.log('listening'))`

/** Opens so many connections and keeps them until all are answered. */
const CROWD = `
const [host, port, count] = process.argv.slice(1)
const ended = { answered: 0, closed: 0 }
for (let i = 0; i < count; i++) {
  const socket = require('node:net').connect({ host, port })
  const over = (how) => {
    ended[how]++
    if (ended.answered + ended.closed < count) return
    console.log(JSON.stringify(ended))
    process.exit()
  }
  socket.once('data', () => { socket.removeAllListeners('end'); over('answered') })
  socket.once('end', () => over('closed'))
  socket.on('error', () => {})
}`

const CLIENT = `
const [host, port, everyMs] = process.argv.slice(1)
const socket = require('node:net').connect({ host, port, timeout: 3000 })
socket.on('error', (error) => { console.log(error.code); process.exit() })
socket.on('timeout', () => { console.log('no answer'); process.exit() })
let sent = 0
const send = () => {
  if (++sent === 10) socket.end('x'.repeat(20000))
  else socket.write('x'.repeat(20000), () => setTimeout(send, Number(everyMs)))
}
send()
let text = ''
socket.on('data', (part) => { text += part })
socket.on('end', () => {
  const [address, ...rest] = text.split('\\n')
  console.log(address + ' ' + rest.join('').length)
  process.exit()
})`

t.test('transparent client source', { skip }, async (t) => {
  const lab = new Lab({ dualStack: true })
  t.teardown(() => lab.close())
  const [proxy, server] = lab.masters
  const { client } = lab
  for (const node of [proxy, server]) await lab.start(node, [process.execPath, '-e', SERVER]).line(/listening/, 10_000)
  const service = (name: string, port: number, address: string, more: object = {}) => ({
    name,
    bind: [{ address: `[::]:${port}`, v4v6: true }],
    transparent: true,
    retries: 0,
    session_log: 'all',
    timeout: { connect: '2s' },
    default_server: { check: { type: 'tcp', inter: 500 } },
    servers: [{ name: 'one', address }],
    ...more
  })
  const vipd = new Vipd(
    lab,
    proxy,
    JSON.stringify({
      admin: { socket: socketOf(lab, proxy) },
      proxy: [
        service('remote', 8443, `${server.address}:6443`),
        service('local', 8444, '127.0.0.1:6443'),
        service('remote6', 8445, `[${address6Of(server)}]:6443`),
        service('opaque', 8446, `${server.address}:6443`, { transparent: false }),
        service('many', 8447, '', {
          transparent: false,
          source: proxy.address,
          servers: [
            { name: 'one', address: `${server.address}:6443` },
            { name: 'two', address: `${proxy.address}:6443` }
          ]
        })
      ]
    })
  )
  lab.ending(vipd)
  await vipd.start()
  const ask = async (port: number, host = proxy.address, everyMs = 0): Promise<string> =>
    (await lab.run(client, [process.execPath, '-e', CLIENT, host, String(port), String(everyMs)])).trim()
  const sees = (address: string): string => `${address} 200000`
  const run = async (node: LabNode, block: string, values: Readonly<Record<string, string>> = {}): Promise<void> => {
    let script = documented(block)
    for (const [name, value] of Object.entries(values)) script = script.replaceAll(name, value)
    await lab.run(node, ['sh', '-ec', script])
  }

  await t.test('without routing nothing comes back, and without `transparent` none is needed', async (t) => {
    t.equal(await ask(8446), sees(proxy.address))
    t.not(await ask(8443), sees(client.address))
  })

  await t.test('a server on another host, which reaches its clients through the proxy', async (t) => {
    await run(proxy, 'proxy')
    await run(server, 'server', { '10.0.0.0/8': '10.32.0.10/32', '10.0.0.11': proxy.address })
    t.equal(await ask(8443), sees(client.address))
    t.equal(await ask(8446), sees(proxy.address), 'other services are as they were')
  })

  await t.test('a client that goes to the server itself is still answered, by way of the proxy’s host', async (t) => {
    await lab.run(proxy, ['sysctl', '-qw', 'net.ipv4.ip_forward=1'])
    // Long enough for the second redirect: the first one only makes the server look for its neighbour.
    t.equal(await ask(6443, server.address, 100), sees(client.address))
    t.equal(await ask(8443), sees(client.address), 'no redirect has led the server past the proxy')
  })

  await t.test('a server on the proxy’s own host', async (t) => {
    t.not(await ask(8444), sees(client.address), 'not without its rule')
    await run(proxy, 'local')
    t.equal(await ask(8444), sees(client.address))
    t.equal(await ask(6443, proxy.address), sees(client.address), 'and it answers those who come straight to it')
  })

  await t.test('IPv6', async (t) => {
    t.not(await ask(8445, address6Of(proxy)), sees(address6Of(client)))
    await run(proxy, 'proxy6')
    await lab.run(server, ['ip', '-6', 'route', 'add', `${address6Of(client)}/128`, 'via', address6Of(proxy)])
    t.equal(await ask(8445, address6Of(proxy)), sees(address6Of(client)))
  })

  await t.test(
    'a client of another family than the server is not served, and the server is not to blame',
    async (t) => {
      t.not(await ask(8445), sees(client.address))
      const { proxy: services } = await vipd.status()
      t.equal(services.find((one) => one.name === 'remote6')?.servers[0]?.status, 'UP')
    }
  )

  await t.test('a source address has its ports for each server anew', async (t) => {
    await lab.run(proxy, ['sysctl', '-qw', 'net.ipv4.ip_local_port_range=40000 40039'])
    const crowd = await lab.run(client, [process.execPath, '-e', CROWD, proxy.address, '8447', '50'])
    t.strictSame(JSON.parse(crowd), { answered: 50, closed: 0 })
  })

  await t.test('what was added can be taken away', async (t) => {
    await run(proxy, 'undo')
    t.not(await ask(8443), sees(client.address))
    t.equal(await ask(8446), sees(proxy.address))
  })
})

/** A block of shell commands in the manual's section, by the word in its first line: `# name: …`. */
function documented(name: string): string {
  const page = readFileSync(fileURLToPath(new URL('../../../docs/operations.md', import.meta.url)), 'utf8')
  const section = page.slice(page.indexOf('## Transparent client source'))
  const block = new RegExp(`\`\`\`sh\\n# ${name}: [^]*?\`\`\``).exec(section)?.[0]
  if (block === undefined) throw new Error(`docs/operations.md has no block "${name}"`)
  return block.replaceAll(/^```.*$/gm, '')
}
