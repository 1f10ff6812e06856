import { connect } from 'node:net'
import { nowMs } from './wait.js'

/**
 * Connections that are kept, and talk all the time to a server that sends everything back: `node talkers.js HOST PORT COUNT EVERY_MS [again]`.
 * With `again` one that broke is opened anew after half a second, and what it waited for is given up. Prints `open COUNT`,
 * then each second a line of JSON: words sent and answered, open connections that broke, words that came back wrong, the longest that an answer took. On SIGTERM it waits for the last answers, says `end` and the same once more.
 */
const [, , host = '', port = '', count = '1', every = '100', again] = process.argv
const tally = { sent: 0, answered: 0, broken: 0, wrong: 0, worst_ms: 0 }
let open = 0
let isEnding = false

function talk(number: number): void {
  const socket = connect({ host, port: Number(port) })
  const waiting: { readonly text: string; readonly at: number }[] = []
  let got = ''
  let words = 0
  let isOver = false
  let wasOpen = false
  let talking: NodeJS.Timeout | undefined
  const over = (): void => {
    if (isOver) return
    isOver = true
    if (isEnding) return
    if (again === undefined || wasOpen) tally.broken++
    if (again === undefined) return
    clearInterval(talking)
    setTimeout(() => talk(number), 500)
  }
  socket.setNoDelay(true)
  socket.on('error', over)
  socket.on('close', over)
  socket.on('connect', () => {
    open += 1
    wasOpen = true
    if (open === Number(count)) console.log(`open ${open}`)
    talking = setInterval(() => {
      if (isOver || isEnding) return
      // Of any length, so that words are cut anywhere.
      const text = `${number}:${words++}:${'x'.repeat((number * 31 + words * 17) % 3000)}`
      waiting.push({ text, at: nowMs() })
      tally.sent++
      socket.write(`${text}\n`)
    }, Number(every))
  })
  socket.on('data', (piece: Buffer) => {
    got += piece.toString('latin1')
    for (let end = got.indexOf('\n'); end >= 0; end = got.indexOf('\n')) {
      const first = waiting.shift()
      if (first?.text !== got.slice(0, end)) tally.wrong++
      else tally.worst_ms = Math.max(tally.worst_ms, nowMs() - first.at)
      tally.answered++
      got = got.slice(end + 1)
    }
  })
}

for (let i = 0; i < Number(count); i++) setTimeout(() => talk(i), i / 2)
setInterval(() => console.log(JSON.stringify(tally)), 1000)
process.once('SIGTERM', () => {
  isEnding = true
  const until = nowMs() + 5000
  const look = (): void => {
    if (tally.answered < tally.sent && nowMs() < until) {
      setTimeout(look, 20)
      return
    }
    console.log(`end ${JSON.stringify(tally)}`)
    process.exit(0)
  }
  look()
})
