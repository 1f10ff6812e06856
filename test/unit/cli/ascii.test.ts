import t from 'tap'
import { asciiUnlessUtf8, toAscii } from '../../../src/cli/ascii.js'

const stream = (isTTY: boolean) => {
  const said: unknown[] = []
  return {
    said,
    isTTY,
    write(...args: readonly unknown[]): boolean {
      said.push(args[0])
      return true
    }
  }
}

t.test('a terminal whose locale is not UTF-8 gets ASCII, colours and all', async (t) => {
  for (const environment of [
    { LANG: 'C' },
    { LC_ALL: 'POSIX', LANG: 'en_US.UTF-8' },
    { LC_CTYPE: 'de_DE.ISO-8859-1' }
  ]) {
    const out = stream(true)
    asciiUnlessUtf8(environment, out)
    out.write('\x1b[32mlistening for 5 s …\x1b[0m a → b, systemd’s, 主\n')
    t.strictSame(out.said, ["\x1b[32mlistening for 5 s ...\x1b[0m a -> b, systemd's, ?\n"])
  }
})

t.test('UTF-8 terminals, those that say nothing, and pipes get what was said', async (t) => {
  for (const [environment, isTTY] of [
    [{ LANG: 'de_DE.UTF-8' }, true],
    [{ LC_ALL: 'C.utf8' }, true],
    [{}, true],
    [{ LANG: 'C' }, false]
  ] as const) {
    const out = stream(isTTY)
    asciiUnlessUtf8(environment, out)
    out.write('…')
    t.strictSame(out.said, ['…'])
  }
})

t.test('bytes are left alone', async (t) => {
  const out = stream(true)
  asciiUnlessUtf8({ LANG: 'C' }, out)
  const bytes = Buffer.from('…')
  out.write(bytes)
  t.equal(out.said[0], bytes)
  t.equal(toAscii('≤ 2 × 3'), '<= 2 x 3')
})
