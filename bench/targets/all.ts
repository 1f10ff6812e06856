import { haproxy, haproxySplice } from './haproxy.js'
import { nginx } from './nginx.js'
import { node } from './node.js'
import type { Target } from './target.js'
import { vipd } from './vipd.js'

/** The proxies, vipd first. */
export const proxies: readonly Target[] = [vipd, haproxy, haproxySplice, nginx, node]

/** No proxy: the client asks the servers themselves. */
export const DIRECT = 'direct'

/** Takes part in every scenario unless it says otherwise. */
export const allTargets: readonly string[] = [DIRECT, ...proxies.map((one) => one.name)]
