import cluster from 'node:cluster'
import { connect, createServer } from 'node:net'

/** `pipe-proxy.js ADDRESS PORT WORKERS BACKLOG SERVER…`: a round-robin TCP proxy as one writes it in Node.js. */
const [, , host = '', port = '', workers = '1', backlog = '511', ...servers] = process.argv

if (cluster.isPrimary) {
  cluster.schedulingPolicy = cluster.SCHED_NONE
  for (let i = 0; i < Number(workers); i++) cluster.fork()
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL')
    process.exit(0)
  })
} else {
  let turn = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const [address = '', serverPort = ''] = (servers[turn++ % servers.length] ?? '').split(':')
    const upstream = connect({ host: address, port: Number(serverPort), allowHalfOpen: true, noDelay: true })
    client.pipe(upstream).pipe(client)
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  })
  server.listen({ host, port: Number(port), backlog: Number(backlog) })
}
