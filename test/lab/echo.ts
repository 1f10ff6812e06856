import { createServer } from 'node:net'

/** Sends back what it gets: `node echo.js HOST PORT`. */
const [, , host = '', port = ''] = process.argv
createServer((socket) => {
  socket.on('error', () => undefined)
  socket.pipe(socket)
}).listen({ host, port: Number(port), backlog: 4096 }, () => console.log('listening'))
