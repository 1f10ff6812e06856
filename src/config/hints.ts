/** Words of the incumbents that are no keys here, and what to write instead, with the reason where there is no counterpart. */
const INSTEAD: Readonly<Record<string, string>> = {
  state: 'leave it out: the election is by priority',
  nopreempt: 'write `preempt: false`',
  vrid: 'write `virtual_router_id`',
  vip: 'write `virtual_ipaddress: [ ADDRESS ]`',
  auth_type: 'write `authentication: { auth_type: PASS, auth_pass: "…" }`',
  auth_pass: 'write `authentication: { auth_type: PASS, auth_pass: "…" }`',
  vrrp_instance: 'write a list: `vrrp: [ { name: VI_1, … } ]`',
  listen: 'write a list: `proxy: [ { name: …, bind: [ … ] } ]`',
  server: 'write a list: `servers: [ { name: …, address: HOST:PORT } ]`',
  nbproc: 'leave it out: the proxy runs `nbthread` threads',
  option: 'each option is a key of its own: `redispatch: true`, `check: { type: http }`, `session_log: all`',
  httpchk: 'write `check: { type: http, uri: /readyz }`, or `https` with `ca_file`',
  http_check: 'write `check: { type: http, expect: { status: 200 } }`',
  frontend: 'write `bind` and `servers` into one item of `proxy`',
  backend: 'write `bind` and `servers` into one item of `proxy`',
  default_backend: 'write the `servers` here',
  use_backend: 'by a name in the ClientHello: `sni: [ { servername: [ NAME ], service: OTHER } ]`',
  acl: 'write `allow` and `deny` as lists of networks',
  stick_table: 'there are no tables: `balance: source` keeps a client on one server, `source_maxconn` limits it',
  usesrc: 'write `transparent: true`',
  stats: 'write `admin: { listen: 127.0.0.1:8404 }`',
  virtual_server: 'LVS is not here: write a list: `proxy: [ { name: …, bind: [ … ], servers: [ … ] } ]`',
  use_vmac: 'leave it out: there is no virtual MAC, gratuitous ARP tells the link where the address is',
  use_ipvlan: 'leave it out: addresses are held on the interface itself',
  strict_mode: 'leave it out: it would forbid unicast, passwords and traffic to the address',
  vrrp_strict: 'leave it out: it would forbid unicast, passwords and traffic to the address',
  dont_track_primary: 'leave it out: adverts go out on `interface`, and without it nothing works',
  track_bfd: 'there is no BFD: it hurries no takeover, a lower `advert_int` with `version: 3` does',
  virtual_routes: 'routes do not move with the address: change them in `notify_master` and `notify_backup`',
  virtual_rules: 'rules do not move with the address: change them in `notify_master` and `notify_backup`',
  accept: 'leave it out: the master always answers on its addresses',
  no_accept: 'leave it out: the master always answers on its addresses',
  vrrp_version: 'write `version: 3` in each instance',
  vrrp_mcast_group4: 'write `mcast_dst_ip` in each instance',
  vrrp_mcast_group6: 'write `mcast_dst_ip` in each instance',
  vrrp_check_unicast_src: 'leave it out: `check_unicast_src` is on',
  unicast_fault_no_peer: 'leave it out: without peers unicast is refused',
  skip_check_adv_addr: 'leave it out: an advert with other addresses is told, not refused',
  sync_group_tracking_weight: 'leave it out: a sync group has no weights',
  enable_script_security: 'leave it out: programs that others may write are never run',
  smtp_alert_vrrp: 'write `smtp_alert`',
  notify_deleted: 'write `notify_stop`',
  track_group: 'write `vrrp_sync_group: [ { name: …, group: [ … ] } ]`'
}

/** Words of the proxy's health checks; a script has some of them too. */
const INSTEAD_IN_PROXY: Readonly<Record<string, string>> = {
  inter: 'it belongs under `check`',
  rise: 'it belongs under `check`',
  fall: 'it belongs under `check`',
  fastinter: 'it belongs under `check`',
  downinter: 'it belongs under `check`',
  spread: 'it belongs under `check`',
  verify: 'it belongs under `check`',
  ca_file: 'it belongs under `check`',
  servername: 'it belongs under `check`',
  uri: 'it belongs under `check`',
  expect: 'it belongs under `check`',
  check_ssl: 'write `check: { type: https, ca_file: /etc/kubernetes/pki/ca.crt }`'
}

/**
 * What to do about an unknown key: the word to use instead, or the nearest known key, or all that are known.
 * @param section the key at the top of the file that it stands under
 */
export function unknownKeyHint(key: string, known: readonly string[], section = ''): string {
  const name = key.replaceAll('-', '_')
  for (const instead of section === 'proxy' ? [INSTEAD_IN_PROXY, INSTEAD] : [INSTEAD]) {
    const word = Object.hasOwn(instead, name) ? instead[name] : undefined
    if (word !== undefined) return word
  }
  const close = nearest(key.toLowerCase().replaceAll('-', '_'), known)
  return close === undefined ? `known here: ${known.join(', ')}` : `did you mean \`${close}\`?`
}

/** What to do about a name that no entry of a list has. */
export function unknownNameHint(name: string, known: ReadonlySet<string>, list: string): string {
  const close = nearest(name, [...known])
  if (close !== undefined) return `did you mean ${close}?`
  return known.size === 0 ? `add it to \`${list}\`` : `known there: ${[...known].slice(0, MOST_NAMES).join(', ')}`
}

const MOST_NAMES = 20

/** The known word that somebody may have meant; undefined: none is near. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(word.length / 3))
  const first = known
    // A word may be as long as the file; what is much longer than all others is near to none.
    .filter((candidate) => Math.abs(candidate.length - word.length) <= most)
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance)[0]
  return first !== undefined && first.distance <= most ? first.candidate : undefined
}

/** Insertions, deletions, replacements, and two letters that changed places, which turn one word into the other. */
function editDistance(left: string, right: string): number {
  let before: number[] = []
  let row = Array.from({ length: right.length + 1 }, (_, i) => i)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const replace = (row[j - 1] ?? 0) + (right[j - 1] === left[i - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]
      const swap = isSwap ? (before[j - 2] ?? 0) + 1 : replace
      next.push(Math.min(swap, replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row[right.length] ?? 0
}
