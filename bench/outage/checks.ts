import { request } from 'node:http'
import type { Child } from '../../test/lab/child.js'
import { ensurePackages } from '../../test/lab/packages.js'
import { type Status, vipdProgram } from '../../test/lab/vipd.js'
import { nowMs, pause, poll } from '../../test/lab/wait.js'
import { familyOf, memory, used } from '../accounting.js'
import { Ground, proxyAddress } from '../ground.js'
import type { Effort, Figure, Measured, OpenScenario, Scenario } from '../model.js'
import { program } from '../native.js'
import { makeCertificate } from '../stand.js'

/** What the health checks of a thousand servers cost, beside haproxy. */

const COUNT = 1000
const PORTS = { vipd: 6443, haproxy: 6444 } as const
type Name = keyof typeof PORTS

const figures: readonly Figure[] = [
  { key: 'cpu_share', title: 'CPU, of a core', unit: '%', better: 'lower' },
  { key: 'checks', title: 'checks that reached a server', unit: '/s', better: 'higher' },
  { key: 'rss_mib', title: 'resident', unit: 'MiB', better: 'lower' },
  { key: 'loop_delay_p99_ms', title: 'main loop’s delay, p99', unit: 'ms', better: 'lower' },
  { key: 'loop_delay_max_ms', title: 'the longest', unit: 'ms', better: 'lower' }
]

type Type = 'tcp' | 'http' | 'https'

const kinds: Readonly<Record<Type, string>> = {
  tcp: 'by a connection that is begun and reset',
  http: 'by an HTTP request; vipd keeps its connections, haproxy makes one for each check',
  https:
    'by an HTTPS request, certificates not verified; vipd keeps its connections, haproxy makes one, with a handshake, for each check'
}

export const checkScenarios: readonly Scenario[] = (['tcp', 'http', 'https'] as const).map((type) => ({
  name: `checks-${COUNT}-${type}`,
  title: `Health checks of ${COUNT.toLocaleString('en')} servers each second: ${type}`,
  what: `${COUNT.toLocaleString('en')} servers, each with an address of its own, checked each second ${kinds[type]}. No clients.`,
  figures,
  targets: ['vipd', 'haproxy'],
  open: (effort) => open(effort, type)
}))

async function open(effort: Effort, type: Type): Promise<OpenScenario> {
  const ensured = ensurePackages(['iproute2', 'haproxy', 'nftables', 'openssl', 'curl'])
  if (!ensured.ok) throw new Error(ensured.reason)
  const ground = new Ground()
  try {
    ground.addAddresses('servers', addresses)
    await countConnections(ground)
    const tls = type === 'https' ? await makeCertificate(ground) : []
    for (const port of Object.values(PORTS))
      await ground
        .start('servers', [program('serve'), '--listen', `0.0.0.0:${port}`, '--backlog', '4096', ...tls])
        .line(/listening/, 5000)
    const children = { vipd: startVipd(ground, type), haproxy: startHaproxy(ground, type) }
    await poll(() => seesAll(ground), 30_000, `vipd finding ${COUNT} servers up`, 200)
    await pause(3000)
    const seconds = effort.isQuick ? 2 : 4
    return {
      close: () => ground.close(),
      measure: (target) => measure(ground, type, children, target as Name, seconds)
    }
  } catch (error) {
    await ground.close()
    throw error
  }
}

const addresses = Array.from(
  { length: COUNT },
  (_, index) => `10.77.${16 + Math.floor(index / 250)}.${1 + (index % 250)}`
)

async function measure(
  ground: Ground,
  type: Type,
  children: Readonly<Record<Name, Child>>,
  name: Name,
  seconds: number
): Promise<Measured> {
  const child = children[name]
  if (child.exit !== undefined) return { ok: false, problem: `${name} ended: ${child.tail(5)}` }
  const pids = familyOf(child.pid)
  const [from, cpu, count] = [nowMs(), used(pids).cpuS, await countOf(ground, type, name)]
  await pause(seconds * 1000)
  const [took, spent, counted] = [
    (nowMs() - from) / 1000,
    used(pids).cpuS - cpu,
    (await countOf(ground, type, name)) - count
  ]
  const delay = name === 'vipd' ? (await status(ground)).process : undefined
  const checks = counted / took
  if (!(checks > 1)) return { ok: false, problem: 'no check reached a server' }
  return {
    ok: true,
    figures: {
      cpu_share: (spent / took) * 100,
      checks,
      rss_mib: memory(pids).rssBytes / 2 ** 20,
      ...(delay !== undefined && {
        loop_delay_p99_ms: delay.event_loop_delay_p99_ms,
        loop_delay_max_ms: delay.event_loop_delay_max_ms
      })
    }
  }
}

/** Counts what arrives for each of the two: a SYN is a check by TCP, and where connections are kept the servers count. */
async function countConnections(ground: Ground): Promise<void> {
  const rules = Object.values(PORTS).map((port) => `tcp dport ${port} tcp flags & (syn|ack) == syn counter`)
  const table = `table ip bench { chain input { type filter hook input priority 0;\n${rules.join('\n')}\n}\n}\n`
  const { code } = await ground.start('servers', ['nft', '-f', ground.write('count.nft', table)]).exited
  if (code !== 0) throw new Error('nft made no counters')
}

async function countOf(ground: Ground, type: Type, name: Name): Promise<number> {
  const port = PORTS[name]
  if (type === 'tcp') {
    const nft = ground.start('servers', ['nft', 'list', 'table', 'ip', 'bench'])
    await nft.exited
    return Number(new RegExp(`dport ${port} .*packets (\\d+)`).exec(nft.lines.join('\n'))?.[1] ?? 0)
  }
  const curl = ground.start('servers', ['curl', '-sk', '--max-time', '3', `${type}://127.0.0.1:${port}/count`])
  await curl.exited
  return Number(curl.tail(1))
}

function startVipd(ground: Ground, type: Type): Child {
  const check = {
    inter: 1000,
    ...(type === 'tcp' ? { type } : { type, uri: '/bytes/2' }),
    ...(type === 'https' && { verify: 'none' })
  }
  const service = {
    name: 'bench',
    bind: [`${proxyAddress}:8443`],
    maxconn: 100,
    default_server: { check },
    servers: addresses.map((address, index) => ({ name: `s${index}`, address: `${address}:${PORTS.vipd}` }))
  }
  const config = { admin: { socket: socketOf(ground) }, nbthread: 2, proxy: [service] }
  const file = ground.write('vipd.yaml', JSON.stringify(config))
  return ground.start('proxy', [process.execPath, vipdProgram, 'run', '-c', file], { keep: 50 })
}

function startHaproxy(ground: Ground, type: Type): Child {
  const http = type === 'tcp' ? '' : '  option httpchk GET /bytes/2\n  http-check expect status 200\n'
  const ssl = type === 'https' ? ' check-ssl verify none' : ''
  const servers = addresses.map(
    (address, index) => `  server s${index} ${address}:${PORTS.haproxy} check inter 1000${ssl}`
  )
  const config = `global
  nbthread 2
  maxconn 1000
defaults
  mode tcp
  timeout connect 1s
  timeout client 60s
  timeout server 60s
listen bench
  bind ${proxyAddress}:8444
${http}${servers.join('\n')}
`
  return ground.start('proxy', ['haproxy', '-db', '-f', ground.write('haproxy.cfg', config)], { keep: 50 })
}

const socketOf = (ground: Ground): string => `${ground.folder}/vipd.sock`

async function seesAll(ground: Ground): Promise<boolean> {
  const [service] = (await status(ground).catch(() => undefined))?.proxy ?? []
  return service?.servers.filter((server) => server.status === 'UP').length === COUNT
}

function status(ground: Ground): Promise<Status & { readonly process: { readonly event_loop_delay_p99_ms: number } }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socketOf(ground), path: '/v1/status', timeout: 3000 }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => resolve(JSON.parse(Buffer.concat(parts).toString())))
    })
    asked.on('error', reject)
    asked.end()
  })
}
