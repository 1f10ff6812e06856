import { connect } from 'node:net'

/**
 * A connection after the other, each with some words to a server that sends everything back: `node visitors.js HOST PORT EVERY_MS`.
 * Prints four times a second `ok N failed N wrong N`: wrong is a word that came back as another one.
 */
const [, , host = '', port = '', every = '50'] = process.argv
const tally = { ok: 0, failed: 0, wrong: 0 }
let open = 0

function visit(): void {
  if (open >= 200) return
  open += 1
  const text = `${process.hrtime.bigint()} ${'y'.repeat(Math.floor(Math.random() * 20_000))}`
  const socket = connect({ host, port: Number(port) })
  let got = ''
  let isOver = false
  const end = (outcome: keyof typeof tally): void => {
    if (isOver) return
    isOver = true
    open -= 1
    tally[outcome]++
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

setInterval(visit, Number(every))
setInterval(() => console.log(`ok ${tally.ok} failed ${tally.failed} wrong ${tally.wrong}`), 250)
