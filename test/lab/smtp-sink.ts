import { SMTPServer } from 'smtp-server'

// A mail server on loopback, as a program of its own: prints `mail SUBJECT` for each mail, or takes connections and says nothing.
//   node smtp-sink.js PORT [mute]
const [port = '2525', mode] = process.argv.slice(2)
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['AUTH', 'STARTTLS'],
  onConnect: (_, done) => {
    if (mode !== 'mute') done()
  },
  onData: (stream, _, done) => {
    let text = ''
    stream.setEncoding('utf8')
    stream.on('data', (part: string) => {
      text += part
    })
    stream.on('end', () => {
      console.log(`mail ${/^Subject: (.*)$/m.exec(text)?.[1] ?? '?'}`)
      done()
    })
  }
})
server.listen(Number(port), '127.0.0.1', () => console.log('listening'))
