// `npm run package:systemd`: the .deb under a real systemd. A Debian (debootstrap) is booted in a container (systemd-nspawn) with one
// interface; the seed's files are imported and the service is enabled, reloaded, frozen, killed, restarted, upgraded and removed, while a
// capture on the other end of the cable sees every advert. Writes what was seen to docs/systemd.md.
//   node packaging/systemd.mjs DEB KEEPALIVED_CONF HAPROXY_CFG
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [deb, keepalived, haproxy] = process.argv.slice(2)
if (haproxy === undefined || process.getuid() !== 0) {
  console.error('usage, as root: node packaging/systemd.mjs DEB KEEPALIVED_CONF HAPROXY_CFG')
  process.exit(2)
}
const VIP = '10.32.255.99'
const work = mkdtempSync(join(tmpdir(), 'vipd-boot-'))
const host = join(work, 'root')
const machine = basename(work).toLowerCase().replace(/[^a-z0-9]/g, '')
const cable = `vp${process.pid}`
const transcript = []
const failures = []
const adverts = []
let container
let capture
let leader

process.on('SIGINT', () => process.exit(130)).on('SIGTERM', () => process.exit(143))
process.on('exit', cleanUp)
async function main() {
  system()
  await boot()
  await listen()
  install()
  await started()
  await reloads()
  await watchdog()
  await killed()
  await handedOver()
  await restarted()
  await upgraded()
  await removed()
  const head = `# Under a real systemd

<!-- Written by \`npm run package:systemd\`. Do not edit. -->

A Debian in a container with systemd ${systemdVersion()} as its first process, one interface \`bond0\` (10.32.137.20/16), the seed's own files. A
capture at the other end of the cable sees the adverts: between two of them there are at most 1.1 s unless something else is said.
`
  writeFileSync(join(root, 'docs/systemd.md'), `${head}\n${transcript.join('\n\n')}\n`)
  console.log('docs/systemd.md')
  if (failures.length > 0) {
    console.error(`\n${failures.length} failed:\n${failures.join('\n')}`)
    process.exitCode = 1
  }
}

/** A Debian with systemd, made once. */
function system() {
  const cache = join(homedir(), '.cache/vipd/bookworm-systemd.tar')
  mkdirSync(host)
  if (!existsSync(cache)) {
    mkdirSync(dirname(cache), { recursive: true })
    run('debootstrap', ['--variant=minbase', '--include=systemd-sysv,dbus,ca-certificates,iproute2,procps', 'bookworm', host])
    run('tar', ['-C', host, '-cf', `${cache}.new`, '.'])
    run('mv', [`${cache}.new`, cache])
  } else run('tar', ['-C', host, '-xf', cache])
  for (const folder of ['etc/keepalived', 'etc/haproxy']) mkdirSync(join(host, folder), { recursive: true })
  copyFileSync(keepalived, join(host, 'etc/keepalived/keepalived.conf'))
  copyFileSync(haproxy, join(host, 'etc/haproxy/haproxy.cfg'))
  copyFileSync(deb, join(host, 'root', basename(deb)))
}

async function boot() {
  const args = ['-q', '-D', host, '-b', '--register=no', '--keep-unit', `--machine=${machine}`, `--network-veth-extra=${cable}:bond0`]
  container = spawn('systemd-nspawn', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await until('the container boots', () => {
    const [child] = run('pgrep', ['-P', String(container.pid)]).trim().split('\n')
    leader = child
    return leader && /running|degraded/.test(inside('systemctl is-system-running', { mayFail: true }).text)
  })
  inside('ip address add 10.32.137.20/16 dev bond0; ip link set bond0 up')
  run('ip', ['link', 'set', cable, 'up'])
  run('ip', ['address', 'add', '10.32.137.27/16', 'dev', cable])
}

/** Adverts as the other end of the cable sees them. */
async function listen() {
  capture = spawn('tcpdump', ['-i', cable, '-n', '-l', '-tt', '-v', 'ip proto 112'], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  capture.stdout.on('data', (piece) => {
    text += piece
    const lines = text.split('\n')
    text = lines.pop()
    for (const line of lines) {
      const at = /^(\d+\.\d+) IP/.exec(line)
      if (at !== null) adverts.push({ at: Number(at[1]), priority: undefined })
      const priority = /prio(?:rity)? (\d+)|prio=(\d+)/.exec(line)
      if (priority !== null && adverts.length > 0) adverts.at(-1).priority = Number(priority[1] ?? priority[2])
    }
  })
  await sleep(500)
}

function install() {
  say('## Install')
  sh(`apt-get install -y --no-install-recommends /root/${basename(deb)} 2>&1 | tail -n 3`)
  sh('vipd import --keepalived /etc/keepalived/keepalived.conf --haproxy /etc/haproxy/haproxy.cfg -o /etc/vipd/vipd.yaml 2>&1 | tail -n 1')
  sh('chown root:vipd /etc/vipd/vipd.yaml && chmod 0640 /etc/vipd/vipd.yaml')
  sh('systemd-analyze security --no-pager vipd | tail -n 1')
}

async function started() {
  say('## Start')
  sh('systemctl enable --now vipd 2>&1 | tail -n 1')
  await until('it holds the VIP', () => inside('ip address show bond0').text.includes(VIP))
  sh('systemctl status vipd --no-pager --lines=0 | head -n 12')
  sh('vipd status')
  sh("ps -o user:8,nlwp,args -p $(systemctl show -p MainPID --value vipd) | cut -c-100; grep -E '^Cap(Eff|Bnd)' /proc/$(systemctl show -p MainPID --value vipd)/status")
}

async function reloads() {
  say('## Reload')
  const before = pid()
  sh("sed -i 's/priority: 100 /priority: 101 /' /etc/vipd/vipd.yaml; vipd check -c /etc/vipd/vipd.yaml; systemctl reload vipd; echo \"exit $?\"")
  sh("vipd status | grep VRID; cp /etc/vipd/vipd.yaml /root/good.yaml; echo 'nonsense: true' >> /etc/vipd/vipd.yaml; systemctl reload vipd; echo \"exit $?\"")
  check('a reload keeps the process', pid() === before)
  check('a file with an error changes nothing', inside('vipd status').text.includes('configured 101'))
  sh('cp /root/good.yaml /etc/vipd/vipd.yaml; systemctl reload vipd; echo "exit $?"')
}

/** SIGSTOP: the lease ends, then systemd's watchdog restarts it. */
async function watchdog() {
  say('## Frozen: the VIP goes after at most 3.3 s, the watchdog restarts it')
  const before = pid()
  const at = Date.now()
  sh('kill -STOP $(systemctl show -p MainPID --value vipd)')
  await until('the address goes', () => !inside('ip address show bond0').text.includes(VIP))
  say(`The address was gone after ${seconds(at)}.`)
  await until('another process', () => pid() !== before && pid() !== '0' && answers(), 20_000)
  say(`Another process answered after ${seconds(at)}.`)
  sh("journalctl -u vipd --no-pager -o cat | grep -iE 'watchdog' | tail -n 2")
  await until('it holds the VIP', () => inside('ip address show bond0').text.includes(VIP))
}

async function killed() {
  say('## kill -9, five times')
  for (let i = 0; i < 5; i++) {
    const before = pid()
    inside('kill -9 $(systemctl show -p MainPID --value vipd)')
    await until('another process', () => pid() !== before && pid() !== '0' && answers())
    await until('it holds the VIP', () => inside('ip address show bond0').text.includes(VIP))
  }
  sh("journalctl -u vipd --no-pager -o short-precise | grep -E 'Main process exited|released|Scheduled restart|Started vipd' | tail -n 4 | cut -c 8-110")
  const times = backAfter(5)
  say(`The service was there again after ${times.map((ms) => (ms / 1000).toFixed(2)).join(', ')} s, by systemd's own journal.`)
  check('it was there again within a second, each time', times.length === 5 && Math.max(...times) < 1000)
}

/** From the end of the process to the readiness of the next one, in milliseconds, of the last so many times. */
function backAfter(count) {
  const lines = inside('journalctl -u vipd -o json --no-pager').text.trimEnd().split('\n').map((line) => JSON.parse(line))
  const at = (entry) => Number(entry.__MONOTONIC_TIMESTAMP) / 1000
  const times = []
  let ended
  for (const entry of lines) {
    if (/Main process exited, code=killed, status=9/.test(entry.MESSAGE)) ended = at(entry)
    else if (/^Started vipd/.test(entry.MESSAGE) && ended !== undefined) {
      times.push(at(entry) - ended)
      ended = undefined
    }
  }
  return times.slice(-count)
}

/** Another process of the same service, without anybody noticing. */
async function handedOver() {
  say('## vipd upgrade')
  await sleep(3000)
  const from = adverts.length
  const before = pid()
  sh('vipd upgrade; systemctl is-active vipd')
  await sleep(2500)
  check('systemd follows the new process', pid() !== before && inside('kill -0 $(systemctl show -p MainPID --value vipd)').status === 0)
  check('the old process is gone', inside(`kill -0 ${before}`).status !== 0)
  tellAdverts(from)
  check('nobody was told that it leaves', !adverts.slice(from).some(({ priority }) => priority === 0))
  sh('systemctl status vipd --no-pager --lines=0 | sed -n 3,10p')
  await sleep(6000)
  check('the watchdog is fed', inside('systemctl show -p NRestarts,WatchdogTimestampMonotonic,ActiveState vipd').text.includes('ActiveState=active'))
}

const CONNECTIONS = 1000
const RESTARTS = 20

async function restarted() {
  say(`## systemctl restart, ${RESTARTS} times under ${CONNECTIONS} connections`)
  await sleep(1500)
  const talk = await talkers()
  const from = adverts.length
  const pauses = []
  for (let i = 0; i < RESTARTS; i++) {
    const here = adverts.length
    const before = pid()
    if (i === 0) sh('systemctl restart vipd; echo "exit $?"')
    else inside('systemctl restart vipd')
    check(`restart ${i + 1} made another process`, pid() !== before)
    await until('it holds the VIP', () => inside('ip address show bond0').text.includes(VIP))
    await sleep(2500)
    pauses.push(longestPause(here))
  }
  tellAdverts(from)
  say(`Longest pause between two adverts, in each: ${pauses.map((pause) => pause.toFixed(2)).join(', ')} s.`)
  const told = await talk.end()
  say(`${CONNECTIONS} connections that talked all the time, a word each half second: ${JSON.stringify(told)}.`)
  check('every connection outlived every restart', told.broken === 0 && told.wrong === 0 && told.answered === told.sent)
  check('nobody was told that the address leaves', !adverts.slice(from).some(({ priority }) => priority === 0))
  sh("journalctl -u vipd --no-pager -o short-precise | grep -E 'Stopping vipd|Stopped vipd|Started vipd' | tail -n 3 | cut -c 8-100")
}

/** Connections from the other end of the cable through the VIP to an echo server there. */
async function talkers() {
  const lab = (name, ...args) => spawn(process.execPath, [join(root, `dist/test/lab/${name}.js`), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const echo = lab('echo', '10.32.137.27', '6443')
  process.on('exit', () => echo.kill('SIGKILL'))
  await until('the server is UP', () => / UP /.test(inside('vipd status').text))
  const child = lab('talkers', VIP, '8443', String(CONNECTIONS), '500')
  process.on('exit', () => child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (piece) => {
    said = `${said}${piece}`.slice(-4000)
  })
  await until('all are connected', () => new RegExp(`open ${CONNECTIONS}`).test(said))
  return {
    async end() {
      child.kill('SIGTERM')
      await until('its last word', () => /^end /m.test(said), 15_000)
      echo.kill('SIGKILL')
      return JSON.parse(/^end (.*)$/m.exec(said)[1])
    }
  }
}

async function upgraded() {
  say('## Upgrade: the same package once more')
  const from = adverts.length
  sh(`apt-get install -y --reinstall /root/${basename(deb)} 2>&1 | tail -n 2`)
  sh('systemctl is-active vipd; tail -n 1 /etc/vipd/vipd.yaml')
  await sleep(1500)
  check('an upgrade tells nobody that it leaves', !adverts.slice(from).some(({ priority }) => priority === 0))
  await until('it holds the VIP', () => inside('ip address show bond0').text.includes(VIP))
  await sleep(1500)
  tellAdverts(from)
}

async function removed() {
  say('## Remove')
  await sleep(1500)
  const from = adverts.length
  sh('apt-get -o Dpkg::Use-Pty=0 -q=1 purge -y vipd 2>&1 | grep -v Reading | tail -n 2')
  await sleep(1500)
  check('the last advert has priority 0', adverts.slice(from).at(-1)?.priority === 0)
  say(`The last advert on the cable: priority ${adverts.at(-1)?.priority}.`)
  sh('ip -brief address show bond0; ls -d /usr/lib/vipd /etc/vipd /run/vipd /usr/bin/vipd 2>&1; getent passwd vipd || echo "no user vipd"; systemctl status vipd 2>&1 | head -n 1')
}

function longestPause(from) {
  const seen = adverts.slice(Math.max(0, from - 1))
  return Math.max(0, ...seen.slice(1).map(({ at }, i) => at - seen[i].at))
}

function tellAdverts(from) {
  const seen = adverts.slice(Math.max(0, from - 1))
  const zeros = seen.filter(({ priority }) => priority === 0).length
  say(`Meanwhile on the cable: ${seen.length} adverts, ${zeros} of them with priority 0, the longest pause between two ${longestPause(from).toFixed(2)} s.`)
}

/** Runs a line in the container, and writes it down with what it says. */
function sh(line) {
  const done = inside(line, { mayFail: true })
  transcript.push(`\`\`\`\n# ${line}\n${done.text.trimEnd()}\n\`\`\``.replace('\n\n```', '\n```'))
  console.log(`# ${line}\n${done.text}`)
}

function inside(line, { mayFail = true } = {}) {
  const env = ['LC_ALL=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'SYSTEMD_COLORS=0']
  const done = spawnSync('nsenter', ['-t', leader, '-m', '-u', '-i', '-n', '-p', '-C', '-r', '-w', 'env', '-i', ...env, '/bin/sh', '-c', line], { encoding: 'utf8', timeout: 120_000 })
  if (done.status !== 0 && !mayFail) throw new Error(`${line}: ${done.stdout}${done.stderr}`)
  return { text: `${done.stdout}${done.stderr}`, status: done.status }
}

const pid = () => inside('systemctl show -p MainPID --value vipd').text.trim()
const answers = () => inside('vipd status').status === 0
const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`
const systemdVersion = () => inside('systemctl --version').text.split(/\s/)[1]

async function until(what, is, limitMs = 30_000) {
  const end = Date.now() + limitMs
  while (!(await is())) {
    if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleep(50)
  }
}

function check(what, isSo) {
  console.log(`${isSo ? 'ok' : 'NOT OK'}: ${what}`)
  if (!isSo) failures.push(what)
}

function say(text) {
  console.log(text)
  transcript.push(text)
}

function run(program, args) {
  const done = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 64 << 20 })
  if (done.status !== 0 && program !== 'pgrep') throw new Error(`${program}: ${done.stderr}`)
  return done.stdout
}

function cleanUp() {
  capture?.kill('SIGKILL')
  // The container's first process: all others end with it.
  if (leader) spawnSync('kill', ['-KILL', leader])
  container?.kill('SIGKILL')
  spawnSync('ip', ['link', 'delete', cable])
  spawnSync('umount', ['-R', '-l', host])
  if (!readFileSync('/proc/mounts', 'utf8').includes(`${host}/`)) rmSync(work, { recursive: true, force: true })
}

await main()
process.exit()
