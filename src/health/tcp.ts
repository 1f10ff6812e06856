import type { NativeProber } from '../os/addon.js'
import { type Probe, SOCKERR } from './checker.js'
import { isShortage } from './shortage.js'

/** A connect check as haproxy makes it: SYN, SYN/ACK, RST. The server's accept never returns, so its log stays quiet. */
export const tcpProbe =
  (prober: Pick<NativeProber, 'tcp'>, host: string, port: number): Probe =>
  (timeoutMs, done) => {
    prober.tcp(host, port, timeoutMs, ({ code, detail, tookMs }) => {
      const isRefused = detail === 'ECONNREFUSED'
      done({ isOk: code === 'L4OK', isRefused, code: isShortage(detail) ? SOCKERR : code, detail, tookMs })
    })
  }
