import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

/**
 * A stand-in for an apiserver: TLS, and the answer to every GET is its own name.
 * `node apiserver.js NAME ADDRESS PORT CERTIFICATE KEY`. Header x-accepted: connections accepted so far, this one included.
 */
const [, , name = '', address = '', port = '', certificate = '', key = ''] = process.argv
let accepted = 0

const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (_request, response) => {
  response.setHeader('x-accepted', accepted)
  response.end(name)
})
server.on('connection', () => {
  accepted += 1
})
server.on('error', (error) => {
  console.error(String(error))
  process.exit(1)
})
server.listen(Number(port), address, () => console.log(`listening on ${address}:${port}`))
