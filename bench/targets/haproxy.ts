import type { Setting, Target } from './target.js'

/** haproxy as Debian has it, without logs and with nothing but TCP to do. */
export const haproxy: Target = haproxyWith('haproxy', [])

/** With splice: what its documentation has for large transfers. */
export const haproxySplice: Target = haproxyWith('haproxy-splice', ['option splice-auto'], ['maxpipes 1000'])

function haproxyWith(name: string, more: readonly string[], global: readonly string[] = []): Target {
  const configuration = ({ threads, listen, servers, backlog, maxconn }: Setting): string => `global
  nbthread ${threads}
  maxconn ${maxconn}
${global.map((line) => `  ${line}\n`).join('')}
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  retries 3
  option redispatch
${more.map((line) => `  ${line}\n`).join('')}
listen bench
  bind ${listen.address}:${listen.port} backlog ${backlog}
  maxconn ${maxconn}
  balance roundrobin
${servers.map((address, index) => `  server s${index + 1} ${address}`).join('\n')}
`
  return {
    name,
    package: 'haproxy',
    configuration,
    argv: (ground, setting) => {
      const file = ground.write(`${name}-${setting.listen.port}.cfg`, configuration(setting))
      return ['haproxy', '-db', '-f', file]
    }
  }
}
