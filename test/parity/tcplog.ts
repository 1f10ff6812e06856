import type { SessionLog } from './subject.js'

/** haproxy's `option tcplog`, its own documented format: client [date] frontend backend/server Tw/Tc/Tt bytes state counts queues. */

const LINE =
  /^<(?<pri>\d+)>.*?: (?<client>\S+:\d+|unix:\d+) \[[^\]]+\] (?<frontend>\S+) (?<backend>[^/\s]+)\/(?<server>\S+) (?<times>-?\d+\/-?\d+\/\+?\d+) \+?(?<bytes>\d+) (?<termination>[-LcCsSPRIDKUa-zA-Z]{2}) (?<counts>\d+\/\d+\/\d+\/\d+\/\+?\d+) (?<queues>\d+\/\d+)/

/** A syslog line with a session in it, or undefined. */
export function parseTcplog(line: string): SessionLog | undefined {
  const groups = LINE.exec(line)?.groups
  if (groups === undefined) return undefined
  const of = (name: string): string => groups[name] ?? ''
  const [queueMs, connectMs, totalMs] = of('times').split('/').map(Number)
  const retries = of('counts').split('/').at(-1) ?? '0'
  return {
    client: of('client'),
    termination: of('termination'),
    backend: of('backend'),
    server: of('server').startsWith('<') ? '' : of('server'),
    queueMs: queueMs ?? -1,
    connectMs: connectMs ?? -1,
    totalMs: totalMs ?? -1,
    bytesOut: Number(of('bytes')),
    retries: Number(retries.replace('+', '')),
    isRedispatched: retries.startsWith('+')
  }
}

/** The line with what differs from run to run made equal: for comparing two writers of the same format. */
export function tcplogShape(line: string): string {
  return line
    .trim()
    .replace(/^(<\d+>)\w{3} [ \d]\d \d\d:\d\d:\d\d /, '$1DATE ')
    .replace(
      /^(<\d+>DATE) (\S+ )?\S+\[\d+\]: /,
      (_line, head: string, host?: string) => `${head} ${host === undefined ? '' : 'HOST '}TAG[PID]: `
    )
    .replace(/:\d{4,5} \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d\.\d{3}\]/, ':PORT [TIME]')
    .replace(/ (\d+)\/(\d+)\/(\d+) /, ' Tw/Tc/Tt ')
}
