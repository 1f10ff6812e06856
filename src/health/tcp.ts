import type { NativeProber } from '../os/addon.js'
import { type Probe, SOCKERR } from './checker.js'

/** What this host is short of says nothing about the server. */
const LOCAL_SHORTAGES: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOBUFS',
  'EAGAIN',
  'EADDRNOTAVAIL'
])

/** A connect check as haproxy makes it: SYN, SYN/ACK, RST. The server's accept never returns, so its log stays quiet. */
export const tcpProbe =
  (prober: Pick<NativeProber, 'tcp'>, host: string, port: number): Probe =>
  (timeoutMs, done) => {
    prober.tcp(host, port, timeoutMs, ({ code, detail, tookMs }) => {
      const isLocal = LOCAL_SHORTAGES.has(detail)
      done({ isOk: code === 'L4OK', code: isLocal ? SOCKERR : code, detail, tookMs })
    })
  }
