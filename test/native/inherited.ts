import { fstatSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { addon } from '../../src/os/addon.js'
import { listener, table } from './bench.js'

/**
 * A process that was started with a listening socket as descriptor 3, as systemd starts one. Arguments: mode, port of a
 * server. It prints 'ready', then answers each line that it reads, by JSON: 'counters', 'records', 'turns', 'withdraw',
 * 'fd' (is it still a socket?), 'again' (publish once more), 'other PORT' (publish with another listener instead).
 */
const [mode = 'copy', port = '0'] = process.argv.slice(2)
const plane = new (addon().DataPlane)(
  { threads: 2, mode: mode === 'splice' ? 'splice' : 'copy', maxconn: 100, pipes: 16 },
  () => {}
)
const inherited = table(0, [Number(port)], {
  listeners: [{ kind: 'fd', fd: 3, acceptProxy: false, maxconn: 0 }],
  sessionLog: 'all'
})
const answers: Record<string, (argument: string) => unknown> = {
  counters: () => plane.counters().services[0] ?? null,
  records: () => plane.records(10),
  turns: () => plane.counters().heartbeats,
  withdraw: () => plane.withdraw(1, false),
  fd: () => fstatSync(3).isSocket(),
  again: () => plane.publish(inherited),
  other: (argument) => plane.publish({ ...inherited, listeners: [listener('127.0.0.1', Number(argument))] })
}
plane.publish(inherited)
console.log('ready')
createInterface({ input: process.stdin }).on('line', (line) => {
  const [word = '', argument = ''] = line.split(' ')
  console.log(JSON.stringify(answers[word]?.(argument) ?? null))
})
