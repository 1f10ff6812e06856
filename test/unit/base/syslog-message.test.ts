import fc from 'fast-check'
import t from 'tap'
import { MAX_BYTES, type SyslogEntry, type SyslogHead, syslogMessage } from '../../../src/base/syslog-message.js'
import { runs } from '../../runs.js'

process.env['TZ'] = 'UTC'

const bsd: SyslogHead = { facility: 16, format: 'rfc3164', tag: 'vipd', pid: 7, hostname: 'master01' }
const ietf: SyslogHead = { ...bsd, format: 'rfc5424' }
const entry = (overrides: Partial<SyslogEntry> = {}): SyslogEntry => ({
  at: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6)),
  severity: 4,
  message: 'server is DOWN',
  facts: { service: 'api', server: 'a1', check: 'L4CON', detail: 'connection "refused"', up: 2 },
  line: null,
  ...overrides
})
const text = (head: SyslogHead, one: SyslogEntry): string => syslogMessage(head, one).toString('utf8')
const DOWN = String.raw`server is DOWN service=api server=a1 check=L4CON detail="connection \"refused\"" up=2`

t.test('RFC 3164: the day filled up by a blank, host, tag and pid, message and facts', async (t) => {
  t.equal(text(bsd, entry()), `<132>Jan  2 03:04:05 master01 vipd[7]: ${DOWN}`)
  t.equal(text({ ...bsd, hostname: '' }, entry({ facts: {} })), '<132>Jan  2 03:04:05 vipd[7]: server is DOWN')
  t.match(
    text({ ...bsd, facility: 23 }, entry({ severity: 7, at: new Date(Date.UTC(2026, 11, 31)) })),
    /^<191>Dec 31 00/
  )
})

t.test("haproxy's line takes the place of message and facts", async (t) => {
  t.equal(
    text({ ...bsd, tag: 'haproxy', hostname: '' }, entry({ severity: 6, line: '127.0.0.1:51086 [22/N' })),
    '<134>Jan  2 03:04:05 haproxy[7]: 127.0.0.1:51086 [22/N'
  )
  t.match(text(ietf, entry({ line: 'x y' })), / - - x y$/)
})

t.test(
  'RFC 5424: structured data with its three escapes, the text once more for readers that show no other',
  async (t) => {
    t.equal(
      text(ietf, entry({ facts: { a: 'b"]\\c', 'odd key=]"': 1 } })),
      String.raw`<132>1 2026-01-02T03:04:05.006Z master01 vipd 7 - [vipd@32473 a="b\"\]\\c" odd_key___="1"] server is DOWN a="b\"]\\c" odd key=]"=1`
    )
    t.match(text(ietf, entry({ facts: {} })), / vipd 7 - - server is DOWN$/)
    t.match(text({ ...ietf, hostname: '' }, entry()), /Z - vipd 7 /)
    t.match(text(ietf, entry({ facts: { scope: 'session' } })), / vipd 7 session \[/)
    t.match(text(ietf, entry({ facts: { scope: 'two words' } })), / vipd 7 - \[/)
  }
)

t.test('RFC 5424: a BOM before what is not ASCII, and before nothing else', async (t) => {
  const bom = Buffer.from([0xef, 0xbb, 0xbf])
  const foreign = syslogMessage(ietf, entry({ message: 'größe', facts: {} }))
  t.equal(foreign.indexOf(bom), foreign.length - Buffer.byteLength('größe') - 3)
  t.equal(syslogMessage(ietf, entry()).indexOf(bom), -1)
  t.equal(syslogMessage(bsd, entry({ message: 'größe' })).indexOf(bom), -1)
})

t.test('errors by their message, objects as JSON, what is undefined not at all', async (t) => {
  t.match(
    text(
      bsd,
      entry({ facts: { err: new Error('no route'), peer: { address: '10.0.0.1' }, none: undefined, empty: '' } })
    ),
    String.raw`server is DOWN err="no route" peer="{\"address\":\"10.0.0.1\"}" empty=""`
  )
})

t.test('what is no JSON is told somehow', async (t) => {
  const loop: { self?: unknown } = {}
  loop.self = loop
  t.match(text(bsd, entry({ facts: { loop, big: 7n } })), 'loop=[object] big=7')
})

t.test('a password is never told, however deep', async (t) => {
  for (const head of [bsd, ietf])
    t.notMatch(
      text(head, entry({ facts: { auth_pass: 'hush', a: { authPass: 'hush', b: { auth_pass: 'hush' } } } })),
      /hush/
    )
})

t.test('nothing breaks the line, nothing is too long, no character is cut in half', async (t) => {
  const long = 'ü'.repeat(3000)
  for (const head of [bsd, ietf]) {
    const whole = syslogMessage(head, entry({ message: long }))
    const most = MAX_BYTES[head.format]
    t.ok(whole.length <= most && whole.length >= most - 1, `${whole.length}`)
    t.notMatch(whole.toString('utf8'), '\ufffd')
    const any = fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'binary' }), fc.anything()))
    fc.assert(
      fc.property(any, fc.string({ unit: 'binary' }), (facts, message) => {
        const out = syslogMessage(head, entry({ facts, message }))
        const shown = out.toString('utf8')
        return (
          out.length <= most &&
          // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
          !/[\x00-\x1f\x7f-\x9f]/.test(shown) &&
          Buffer.from(shown).equals(out) &&
          (head.format === 'rfc3164' || isWellFormed(shown))
        )
      }),
      runs(300)
    )
  }
})

/** RFC 5424's grammar of what comes before the message. */
const isWellFormed = (shown: string): boolean =>
  /^<\d+>1 \S+ \S+ \S+ \d+ \S+ (?:-|\[[!-~]+(?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*\]) /.test(shown)
