import { pause } from '../../lab/wait.js'
import { logged, yes } from '../facts.js'
import type { Scenario } from '../scenario.js'
import { cfg } from './common.js'

/** How connections end, and what is not lost on the way. */

const MIB = 1 << 20
const BULK_BYTES = 64 * MIB
const LEAVERS = 5000

export const closing: readonly Scenario[] = [
  {
    name: 'half-close',
    title: 'A client that has sent its FIN still gets what the server says after it',
    cases: [1],
    cfg: cfg({}),
    servers: { a: { hello: '', onEnd: 'keep' } },
    play: async (stage) => {
      const client = await stage.connect()
      const server = await stage.server('a').connection()
      await client.say('question')
      await client.end()
      const { ending } = await server.ended()
      await pause(300)
      const before = client.state
      await server.say('answer')
      await client.heard('answer')
      await server.end()
      await client.ended()
      return {
        'server after the client’s FIN': `${server.text}, ${ending}`,
        'client meanwhile': before,
        client: `${client.text}, ${client.state}`,
        log: logged(await stage.log(client))
      }
    },
    facts: {
      'server after the client’s FIN': 'question, eof',
      'client meanwhile': 'open',
      client: 'answer, eof',
      log: '-- a'
    }
  },
  {
    name: 'half-close-server',
    title: 'A server that has sent its FIN still gets what the client says after it',
    cases: [1],
    cfg: cfg({}),
    servers: { a: { hello: 'bye' } },
    play: async (stage) => {
      const client = await stage.connect({ onEnd: 'keep' })
      const server = await stage.server('a').connection()
      await server.end()
      await client.ended()
      await pause(300)
      const before = server.state
      await client.say('afterthought')
      await server.heard('afterthought')
      await client.end()
      await server.ended()
      return {
        client: `${client.text}, ${client.state}`,
        'server meanwhile': before,
        server: `${server.text}, ${server.state}`,
        log: logged(await stage.log(client))
      }
    },
    facts: { client: 'bye, eof', 'server meanwhile': 'open', server: 'afterthought, eof', log: '-- a' }
  },
  {
    name: 'client-reset',
    title: 'A client’s RST becomes a RST to the server',
    cases: [2],
    cfg: cfg({}),
    servers: { a: {} },
    play: async (stage) => {
      const client = await stage.connect()
      await client.heard('a')
      const server = await stage.server('a').connection()
      await client.reset()
      await server.ended()
      return { server: server.state, log: logged(await stage.log(client)) }
    },
    facts: { server: 'reset', log: 'CD a' }
  },
  {
    name: 'server-reset',
    title: 'A server’s RST ends the client’s connection',
    cases: [3],
    cfg: cfg({}),
    servers: { a: {} },
    play: async (stage) => {
      const client = await stage.connect()
      await client.heard('a')
      const server = await stage.server('a').connection()
      await server.reset()
      await client.ended()
      return { client: client.state, log: logged(await stage.log(client)) }
    },
    facts: { client: 'eof', log: 'SD a' }
  },
  {
    name: 'bulk',
    title: 'Bytes in random chunks to slow readers, both ways at once, arrive as they were sent, in bounded memory',
    cases: [23],
    cfg: cfg({}),
    servers: { a: { hello: '' } },
    play: async (stage) => {
      const client = await stage.connect({ onEnd: 'keep' })
      const server = await stage.server('a').connection()
      await Promise.all([client.sip(1), server.sip(1)])
      const before = stage.memory()
      let most = before
      const timer = setInterval(() => {
        most = Math.max(most, stage.memory())
      }, 50)
      const [up, down] = await Promise.all([client.pump(BULK_BYTES), server.pump(BULK_BYTES)])
      await client.end()
      const { sha256: atServer } = await server.ended(60_000)
      await stage.until(() => client.endings[0] ?? false, 'the client’s end', 60_000)
      clearInterval(timer)
      const atClient = client.endings[0]?.sha256
      return {
        'server got what the client said': yes(atServer === up && server.bytes === BULK_BYTES, `${server.bytes}`),
        'client got what the server said': yes(atClient === down && client.bytes === BULK_BYTES, `${client.bytes}`),
        'memory grew by less than 20 MiB': yes(most - before < 20 * MIB, `${((most - before) / MIB).toFixed(1)} MiB`),
        log: logged(await stage.log(client))
      }
    },
    facts: {
      'server got what the client said': 'yes',
      'client got what the server said': 'yes',
      'memory grew by less than 20 MiB': 'yes',
      log: '-- a'
    }
  },
  {
    name: 'connect-and-leave',
    title: '5,000 clients that connect, say nothing and leave, and 1,000 that leave by RST, cost nothing that stays',
    cases: [24],
    isLong: true,
    cfg: cfg({}).replace('log global', '').replace('option tcplog', ''),
    servers: { a: { hello: '' } },
    play: async (stage) => {
      await stage.visits(50, { isSilent: true })
      const idle = async (): Promise<boolean> => (await stage.proxy.counts()).current === 0
      await stage.until(idle, 'no session')
      const [files, memory] = [stage.files(), stage.memory()]
      const left = await stage.visits(LEAVERS, { isSilent: true, together: 20 })
      const reset = await stage.visits(1000, { isSilent: true, together: 20, leave: 'rst' })
      await stage.until(idle, 'no session')
      const counts = await stage.proxy.counts()
      const settled = await stage
        .until(() => stage.files() <= files + 2, 'descriptors given back', 5000)
        .catch(() => false)
      const sockets = await stage.run('proxy', ['ss', '-Htan', 'state', 'close-wait'])
      const grew = (stage.memory() - memory) / MIB
      return {
        'all were served': yes([...left, ...reset].every(({ outcome }) => outcome === 'ok')),
        'sessions counted': `${counts.total}`,
        'descriptors are given back': yes(settled, `${files} then ${stage.files()}`),
        'sockets in CLOSE-WAIT': `${sockets.split('\n').filter(Boolean).length}`,
        'memory grew by less than 20 MiB': yes(grew < 20, `${grew.toFixed(1)} MiB`)
      }
    },
    facts: {
      'all were served': 'yes',
      'sessions counted': '6050',
      'descriptors are given back': 'yes',
      'sockets in CLOSE-WAIT': '0',
      'memory grew by less than 20 MiB': 'yes'
    }
  }
]
