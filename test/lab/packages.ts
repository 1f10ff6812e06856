import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Debian package → the command, or the file, by which one sees that it is there. */
const commands = {
  iproute2: 'ip',
  openssl: 'openssl',
  nftables: 'nft',
  keepalived: 'keepalived',
  haproxy: 'haproxy',
  tcpdump: 'tcpdump',
  tshark: 'tshark',
  procps: 'ps',
  make: 'make',
  'g++': 'g++',
  nginx: 'nginx',
  'libnginx-mod-stream': '/usr/lib/nginx/modules/ngx_stream_module.so',
  'libssl-dev': '/usr/include/openssl/ssl.h',
  wrk: 'wrk',
  curl: 'curl',
  strace: 'strace',
  chromium: 'chromium',
  prometheus: 'promtool',
  'etcd-server': 'etcd',
  'kubernetes-client': 'kubectl'
} as const

export type SystemPackage = keyof typeof commands

export type Ensured =
  | { readonly ok: true; readonly installed: readonly SystemPackage[] }
  | { readonly ok: false; readonly reason: string }

/** Which of these are not installed. */
export function missingPackages(wanted: readonly SystemPackage[]): SystemPackage[] {
  return wanted.filter((name) => !isCommand(commands[name]))
}

/** The one command that installs them. */
export function installCommand(packages: readonly string[]): string {
  return `sudo apt-get install -y ${packages.join(' ')}`
}

/** Makes sure that these packages are installed: with apt-get where this process is root and it is there, else says what to type. */
export function ensurePackages(wanted: readonly SystemPackage[]): Ensured {
  const missing = missingPackages(wanted)
  if (missing.length === 0) return { ok: true, installed: [] }
  const reason = `missing: ${missing.join(', ')}. Install with: ${installCommand(missing)}`
  if (process.getuid?.() !== 0 || !isCommand('apt-get')) return { ok: false, reason }
  console.error(`installing ${missing.join(', ')} with apt-get`)
  if (!install(missing)) {
    aptGet(['update'])
    install(missing)
  }
  const still = missingPackages(wanted)
  return still.length === 0 ? { ok: true, installed: missing } : { ok: false, reason }
}

/** Why the namespace tests cannot run here, or undefined when they can. Installs what is missing where it may. */
export function whyNoLab(wanted: readonly SystemPackage[]): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root (network namespaces): sudo npm test'
  const ensured = ensurePackages(['iproute2', 'openssl', ...wanted])
  return ensured.ok ? undefined : ensured.reason
}

function install(packages: readonly string[]): boolean {
  return aptGet(['install', '-y', '--no-install-recommends', ...packages])
}

function aptGet(args: readonly string[]): boolean {
  // The programs are only run by us, in namespaces: the services of their packages are not to be started.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const { status } = spawnSync('apt-get', ['-q', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 300_000
  })
  return status === 0
}

function isCommand(name: string): boolean {
  if (name.startsWith('/')) return existsSync(name)
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { env: { PATH: path }, stdio: 'ignore' }).status === 0
}
