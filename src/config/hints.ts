/** Words of the incumbents that are no keys here, and what to write instead. */
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
  inter: 'it belongs under `check`',
  rise: 'it belongs under `check`',
  fall: 'it belongs under `check`'
}

/** What to do about an unknown key: the word to use instead, or the nearest known key, or all that are known. */
export function unknownKeyHint(key: string, known: readonly string[]): string {
  const instead = Object.hasOwn(INSTEAD, key) ? INSTEAD[key] : undefined
  if (instead !== undefined) return instead
  const nearest = known
    .map((candidate) => ({ candidate, distance: editDistance(key.toLowerCase().replaceAll('-', '_'), candidate) }))
    .sort((a, b) => a.distance - b.distance)[0]
  if (nearest !== undefined && nearest.distance <= Math.max(1, Math.floor(key.length / 3))) {
    return `did you mean \`${nearest.candidate}\`?`
  }
  return `known here: ${known.join(', ')}`
}

/** Levenshtein: insertions, deletions and replacements that turn one word into the other. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, i) => i)
  for (const [i, char] of [...left].entries()) {
    const next = [i + 1]
    for (let j = 1; j <= right.length; j++) {
      const replace = (row[j - 1] ?? 0) + (right[j - 1] === char ? 0 : 1)
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[right.length] ?? 0
}
