import type { PeerView } from '../peers/message.js'
import type { Status } from './status.js'

/** What the other nodes are told of this one: what a page can show of a node beside others. */
export const peerViewOf = ({ node, version, uptime_s, vrrp, proxy }: Status): PeerView => ({
  node,
  version,
  uptime_s,
  vrrp: vrrp.map(({ name, virtual_router_id, state, since, effective_priority, virtual_ipaddress }) => ({
    name,
    virtual_router_id,
    state,
    since,
    effective_priority,
    virtual_ipaddress: virtual_ipaddress.filter(({ held }) => held).map(({ address }) => address)
  })),
  proxy: proxy.map(({ name, sessions, servers }) => ({
    name,
    sessions: sessions.current,
    servers: servers.map((server) => ({ name: server.name, status: server.status }))
  }))
})
