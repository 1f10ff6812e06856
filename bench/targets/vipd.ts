import { vipdProgram } from '../../test/lab/vipd.js'
import type { Setting, Target } from './target.js'

/** vipd as it is: its defaults, and what all are given alike. */
export const vipd: Target = {
  name: 'vipd',
  configuration: yaml,
  argv: (ground, setting) => {
    const socket = `${ground.folder}/vipd-${setting.listen.port}.sock`
    const text = `admin: { socket: ${socket} }\n${yaml(setting)}`
    const file = ground.write(`vipd-${setting.listen.port}.yaml`, text)
    return [process.execPath, vipdProgram, 'run', '-c', file]
  }
}

function yaml({ threads, listen, servers, backlog, maxconn }: Setting): string {
  return `nbthread: ${threads}
proxy:
  - name: bench
    bind: [ "${listen.address}:${listen.port}" ]
    balance: roundrobin
    balance_factor: 0
    retries: 3
    redispatch: true
    maxconn: ${maxconn}
    backlog: ${backlog}
    timeout: { connect: 5s, client: 60s, server: 60s }
    servers:
${servers.map((address, index) => `      - { name: s${index + 1}, address: "${address}" }`).join('\n')}
`
}
