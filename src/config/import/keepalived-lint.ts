import { formatDuration, parseDuration } from '../../base/duration.js'
import { argumentOf, type Directive, keywordOf } from './directive.js'
import { trackedKind } from './keepalived-tracked.js'
import type { Report } from './report.js'

/** What people suffer from who copied their keepalived.conf: told where it stands, carried over as it is. */
export function lintKeepalived(
  lines: readonly Directive[],
  isGone: (block: Directive) => boolean,
  report: Report
): void {
  for (const line of lines) {
    const kind = trackedKind(line)
    if (keywordOf(line) === 'global_defs') lintGlobals(line.block ?? [], report)
    else if (keywordOf(line) === 'vrrp_instance') lintInstance(line, report)
    if (kind === undefined || isGone(line)) continue
    if (watchesHaproxy(line)) {
      const text =
        'tells that a process of that name runs, not that it serves. vipd watches its own proxy, and gives the address up without it'
      report.add('trap', line, line.words.slice(0, 2).join(' '), text)
    }
    if (kind === 'vrrp_script') lintScript(line, report)
    // The number in a file is multiplied by its weight.
    const weight = line.block?.findLast((one) => keywordOf(one) === 'weight')
    if (weight !== undefined && kind !== 'vrrp_track_file') lintWeight(weight, argumentOf(weight), report)
  }
}

/** A script or process that watches whether haproxy runs. */
export function watchesHaproxy(block: Directive): boolean {
  const lines = block.block ?? []
  const text = (keyword: string): string =>
    lines
      .filter((line) => keywordOf(line) === keyword)
      .map((line) => line.words.slice(1).join(' '))
      .join(' ')
  return (
    /\b(?:killall|pidof|pgrep|pkill|ps|systemctl|service)\b.*\bhaproxy\b/.test(text('script')) ||
    /^(?:\S*\/)?haproxy(?:\s|$)/.test(text('process'))
  )
}

/** The sample that keepalived comes with. */
function lintGlobals(lines: readonly Directive[], report: Report): void {
  for (const line of lines) {
    const word = argumentOf(line)
    if (keywordOf(line) === 'router_id' && /^LVS_/.test(word)) {
      const text =
        'is the name in keepalived’s sample: with the same one on every node no mail says which it is from. Leave it out, and it is the host’s name'
      report.add('trap', line, `router_id ${word}`, text)
    }
    if (keywordOf(line) === 'notification_email_from' && /^Alexandre\.Cassen@firewall\.loc$/i.test(word)) {
      const text = 'is the sender in keepalived’s sample: mail servers refuse it. Write an address of your own'
      report.add('trap', line, 'notification_email_from', text)
    }
  }
}

/** So long may a broken node keep the address before people notice. */
const SLOW_MS = 15_000

function lintScript(block: Directive, report: Report): void {
  const lines = block.block ?? []
  const line = lines.findLast((one) => keywordOf(one) === 'script')
  if (line === undefined) return
  const script = line.words.slice(1).join(' ')
  const tell = (what: string, text: string): void => report.add('trap', line, what, text)
  if (/check_apiserver/.test(script)) {
    tell(
      'script',
      'is that of kubeadm’s guide, in which both daemons run as static pods that wait for the kubelet: vipd is a systemd service and needs neither. What the script looks for must still be there without haproxy'
    )
  }
  if (/\bcurl\b/.test(script)) lintCurl(script, tell)
  lintPace(lines, line, report)
}

function lintCurl(script: string, tell: (what: string, text: string) => void): void {
  if (!/\s(?:-[A-Za-z]*f[A-Za-z]*|--fail(?:-with-body)?)(?=\s|$)/.test(script)) {
    tell('curl', 'without `-f` it succeeds whatever the server answers, also with an error 500: add `-f`')
  }
  if (/\s(?:-[A-Za-z]*k[A-Za-z]*|--insecure)(?=\s|$)/.test(script)) {
    tell('curl -k', 'takes whoever answers for the server: `--cacert /etc/kubernetes/pki/ca.crt`')
  }
  if (/https?:\/\/\S+/.test(script) && !/\/readyz/.test(script)) {
    tell('curl', 'asks for something else than `/readyz`, which alone tells that an apiserver takes requests')
  }
}

function lintPace(lines: readonly Directive[], script: Directive, report: Report): void {
  const value = (keyword: string, unset: string): string => {
    const line = lines.findLast((one) => keywordOf(one) === keyword)
    return line === undefined ? unset : argumentOf(line)
  }
  const interval = value('interval', '1')
  const fall = Number(value('fall', '1'))
  const ms = (parseDuration(interval, 's') ?? 0) * fall
  if (!(ms >= SLOW_MS)) return
  const text = `a failure counts after ${formatDuration(ms)}, and the address stays that long: \`interval: 2s\` with \`fall: 2\` are 4s`
  report.add('trap', script, `interval ${interval} fall ${fall}`, text)
}

/** A weight that is not greater than the distance to the next priority moves nothing. */
const SMALL_WEIGHT = 10

function lintWeight(line: Directive, word: string, report: Report): void {
  const distance = Math.abs(Number(word))
  if (!(distance > 0 && distance < SMALL_WEIGHT)) return
  const text = `moves the address only to a node whose priority is less than ${distance} away, like 101 and 100: use more than the distance, or \`weight: 0\`, with which a failure is a fault`
  report.add('trap', line, `weight ${word}`, text)
}

function lintInstance(block: Directive, report: Report): void {
  const lines = block.block ?? []
  const vrid = lines.findLast((line) => keywordOf(line) === 'virtual_router_id')
  if (vrid !== undefined && argumentOf(vrid) === '51') {
    const text =
      'is in every guide: a second cluster on this link that was made from one too fights for the address. `vipd status` shows foreign adverts; change it on all nodes at once'
    report.add('trap', vrid, 'virtual_router_id 51', text)
  }
  for (const track of lines.filter((line) => /^track_(?:script|process|interface)$/.test(keywordOf(line)))) {
    for (const line of track.block ?? []) {
      const at = line.words.indexOf('weight')
      if (at > 0) lintWeight(line, line.words[at + 1] ?? '', report)
    }
  }
  for (const auth of lines.filter((line) => keywordOf(line) === 'authentication')) {
    const pass = (auth.block ?? []).findLast((line) => keywordOf(line) === 'auth_pass')
    if (pass === undefined || argumentOf(pass) !== SAMPLE) continue
    const text = 'is the password of keepalived’s sample: it keeps no other cluster out that was made from it'
    report.add('trap', pass, 'auth_pass', text)
  }
}

const SAMPLE = '1111'
