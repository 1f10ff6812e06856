import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Setting, Target } from './target.js'

const script = fileURLToPath(new URL('pipe-proxy.js', import.meta.url))

/** What a proxy in plain Node.js is: `net` and `pipe`, one process of `cluster` for each thread. */
export const node: Target = {
  name: 'node',
  configuration: (setting) =>
    `${['node', 'pipe-proxy.js', ...words(setting)].join(' ')}\n\n${readFileSync(script, 'utf8')}`,
  argv: (_ground, setting) => [process.execPath, script, ...words(setting)]
}

function words({ threads, listen, servers, backlog }: Setting): string[] {
  return [listen.address, String(listen.port), String(threads), String(backlog), ...servers]
}
