import { connect } from 'node:net'
import { nowMs } from './wait.js'

/**
 * A connection after the other, each with some words to a server that sends everything back: `node visitors.js HOST PORT EVERY_MS`.
 * Prints four times a second `ok N failed N wrong N p50 MS p99 MS`: wrong is a word that came back as another one, the
 * latter two are how long those of the last ten seconds took that succeeded. `gap FROM TO` (monotonic milliseconds) is a time in which
 * none succeeded, longer than a tenth of a second.
 */
const [, , host = '', port = '', every = '50'] = process.argv
const tally = { ok: 0, failed: 0, wrong: 0 }
let open = 0
/** When a visit ended and how long it took, the oldest first. */
const recent: { readonly at: number; readonly ms: number }[] = []
const WINDOW_MS = 10_000
const GAP_MS = 100
let lastOk = nowMs()

function visit(): void {
  if (open >= 200) return
  open += 1
  const text = `${process.hrtime.bigint()} ${'y'.repeat(Math.floor(Math.random() * 20_000))}`
  const began = performance.now()
  const socket = connect({ host, port: Number(port) })
  let got = ''
  let isOver = false
  const end = (outcome: keyof typeof tally): void => {
    if (isOver) return
    isOver = true
    open -= 1
    tally[outcome]++
    const at = performance.now()
    if (outcome !== 'ok') return
    recent.push({ at, ms: at - began })
    if (nowMs() - lastOk > GAP_MS) console.log(`gap ${lastOk.toFixed(1)} ${nowMs().toFixed(1)}`)
    lastOk = nowMs()
    socket.destroy()
  }
  socket.setTimeout(4000, () => end('failed'))
  socket.on('connect', () => socket.end(text))
  socket.on('data', (piece: Buffer) => {
    got += piece.toString('latin1')
    if (!text.startsWith(got)) end('wrong')
  })
  socket.on('end', () => end(got === text ? 'ok' : 'failed'))
  socket.on('error', () => end('failed'))
}

function report(): void {
  while (recent[0] !== undefined && recent[0].at < performance.now() - WINDOW_MS) recent.shift()
  const times = recent.map(({ ms }) => ms).sort((a, b) => a - b)
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(2)
  console.log(`ok ${tally.ok} failed ${tally.failed} wrong ${tally.wrong} p50 ${at(0.5)} p99 ${at(0.99)}`)
}

setInterval(visit, Number(every))
setInterval(report, 250)
