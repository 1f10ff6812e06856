// `npm run package:try`: a newcomer's day. The .deb on a fresh Debian without Node.js (debootstrap, chroot, a network namespace with one
// interface), the seed's files imported, checked, run and looked at, then upgraded, removed and purged. Writes what was seen to docs/newcomer.md.
//   node packaging/try.mjs DEB KEEPALIVED_CONF HAPROXY_CFG
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [deb, keepalived, haproxy] = process.argv.slice(2)
if (haproxy === undefined || process.getuid() !== 0) {
  console.error('usage, as root: node packaging/try.mjs DEB KEEPALIVED_CONF HAPROXY_CFG')
  process.exit(2)
}
const work = mkdtempSync(join(tmpdir(), 'vipd-try-'))
const host = join(work, 'root')
const namespace = basename(work)
const transcript = []
let daemon

process.on('SIGINT', () => process.exit(130)).on('SIGTERM', () => process.exit(143))
process.on('exit', cleanUp)
await main()

async function main() {
  system()
  sh('mkdir -p /etc/keepalived /etc/haproxy', { isSilent: true })
  copyFileSync(keepalived, join(host, 'etc/keepalived/keepalived.conf'))
  copyFileSync(haproxy, join(host, 'etc/haproxy/haproxy.cfg'))
  copyFileSync(deb, join(host, 'root', basename(deb)))
  say('## A Debian without Node.js')
  sh('cat /etc/debian_version; command -v node || echo "no Node.js"')
  say('## Install')
  sh(`apt-get install -y --no-install-recommends ./${basename(deb)}`, { lines: 6 })
  sh('vipd --version')
  sh('ls -ld /etc/vipd && getent passwd vipd')
  say('## Import')
  sh('vipd import --keepalived /etc/keepalived/keepalived.conf --haproxy /etc/haproxy/haproxy.cfg -o /etc/vipd/vipd.yaml')
  sh('chown root:vipd /etc/vipd/vipd.yaml && chmod 0640 /etc/vipd/vipd.yaml')
  sh('cat /etc/vipd/vipd.yaml')
  say('## Check')
  sh('vipd check -c /etc/vipd/vipd.yaml')
  sh('vipd doctor -c /etc/vipd/vipd.yaml', { mayFail: true })
  say('## Run\n\nThere is no systemd in a chroot: it is started by hand. On a master: `systemctl enable --now vipd`.')
  daemon = spawn('ip', ['netns', 'exec', namespace, 'chroot', host, 'vipd', 'run', '-c', '/etc/vipd/vipd.yaml'], { stdio: 'ignore' })
  await sleep(6000)
  sh('vipd status')
  sh('vipd events')
  sh('vipd check -c /etc/vipd/vipd.yaml')
  say('## Upgrade\n\nThe configuration stays, the daemon goes on.')
  sh(`apt-get install -y --reinstall ./${basename(deb)}`, { lines: 4 })
  sh('vipd status --json | head -c 120; echo')
  say('## Remove')
  daemon.kill('SIGTERM')
  await new Promise((resolve) => daemon.once('exit', resolve))
  sh('apt-get purge -y vipd', { lines: 4 })
  sh('ls -d /usr/lib/vipd /etc/vipd /run/vipd /usr/bin/vipd 2>&1; getent passwd vipd || echo "no user vipd"', { mayFail: true })
  const head = `# A newcomer's transcript\n\n<!-- Written by \`npm run package:try\`. Do not edit. -->\n\nA fresh Debian in a chroot, with one interface \`bond0\` (10.32.137.20/16) and the seed's own files. Long outputs of apt are cut.\n`
  writeFileSync(join(root, 'docs/newcomer.md'), `${head}\n${transcript.join('\n\n')}\n`)
  console.log('docs/newcomer.md')
}

/** A minimal Debian, made once, and a namespace with the seed's interface. */
function system() {
  const cache = join(homedir(), '.cache/vipd/bookworm.tar')
  mkdirSync(host)
  if (!existsSync(cache)) {
    mkdirSync(dirname(cache), { recursive: true })
    run('debootstrap', ['--variant=minbase', '--include=ca-certificates,iproute2', 'bookworm', host])
    run('tar', ['-C', host, '-cf', `${cache}.new`, '.'])
    run('mv', [`${cache}.new`, cache])
  } else run('tar', ['-C', host, '-xf', cache])
  for (const [kind, place] of [
    ['proc', 'proc'],
    ['sysfs', 'sys']
  ])
    run('mount', ['-t', kind, kind, join(host, place)])
  run('ip', ['netns', 'add', namespace])
  const ip = (...words) => run('ip', ['-n', namespace, ...words])
  ip('link', 'set', 'lo', 'up')
  ip('link', 'add', 'bond0', 'type', 'veth', 'peer', 'name', 'cable')
  for (const name of ['bond0', 'cable']) ip('link', 'set', name, 'up')
  ip('address', 'add', '10.32.137.20/16', 'dev', 'bond0')
}

/** Runs a line in the chroot, and writes it down with what it says. */
function sh(line, { isSilent = false, mayFail = false, lines = Number.POSITIVE_INFINITY } = {}) {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' }
  const script = `cd /root && exec 2>&1; ${line}`
  const done = spawnSync('ip', ['netns', 'exec', namespace, 'chroot', host, '/bin/sh', '-c', script], { encoding: 'utf8', env, maxBuffer: 16 << 20 })
  const said = done.stdout.trimEnd().split('\n')
  const shown = said.length > lines ? ['…', ...said.slice(-lines)] : said
  if (!isSilent) {
    transcript.push(`\`\`\`\n# ${line}\n${shown.join('\n').trimEnd()}\n\`\`\``.replace('\n\n```', '\n```'))
    console.log(`# ${line}\n${done.stdout}`)
  }
  if (done.status !== 0 && !mayFail) throw new Error(`${line}: exit ${done.status}\n${done.stdout}${done.stderr}`)
}

function say(text) {
  transcript.push(text)
}

function run(program, args) {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 << 20 })
}

function cleanUp() {
  daemon?.kill('SIGKILL')
  for (const place of ['proc', 'sys']) spawnSync('umount', ['-l', join(host, place)])
  spawnSync('ip', ['netns', 'delete', namespace])
  const mounts = readFileSync('/proc/mounts', 'utf8')
  if (!mounts.includes(`${host}/`)) rmSync(work, { recursive: true, force: true })
}
