// Manual pages: vipd(8) and one for each command from what the program says of itself, vipd.yaml(5) from docs/configuration.md.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** @param put what takes a path below / and its text */
export function writeManPages(root, version, put) {
  const main = join(root, 'dist/src/cli/main.js')
  const help = (...words) =>
    execFileSync(process.execPath, [main, ...words, '--help'], { encoding: 'utf8', env: { ...process.env, COLUMNS: '80' } })
  const overview = help()
  const commands = [...overview.matchAll(/^ {2}vipd (\w+).*? {2,}(\S.*)$/gm)].map(([, name, what]) => ({ name, what }))
  const also = commands.map(({ name }) => `**vipd-${name}**(8)`).join(', ')
  const page = (name, section, what, body) =>
    put(
      `usr/share/man/man${section}/${name}.${section}`,
      roff(`% ${name.toUpperCase()}(${section}) vipd ${version} | vipd\n\n# NAME\n\n${name} - ${what}\n\n${body}`)
    )
  page(
    'vipd',
    8,
    'virtual IP (VRRP) and TCP proxy in one daemon',
    `# SYNOPSIS

**vipd** *COMMAND* [*OPTIONS*]

# DESCRIPTION

One daemon on each Kubernetes master that replaces keepalived and haproxy: it takes part in the election of a master by VRRP, holds
the virtual address while it is master, and passes TCP connections on to the apiservers that are ready.

# COMMANDS

${commands.map(({ name, what }) => `**${name}**\n:   ${what}. See **vipd-${name}**(8).\n`).join('\n')}
# FILES

*/etc/vipd/vipd.yaml*
:   Configuration: **vipd.yaml**(5).

*/run/vipd/vipd.sock*
:   Admin socket, for root and the group vipd.

*/usr/share/doc/vipd/operations.md*
:   What it does when something fails, what is seen, what to do.

# EXIT STATUS

0
:   Done.

1
:   It could not be done; a sentence says why.

2
:   The words or the configuration make no sense.

# SEE ALSO

**vipd.yaml**(5), ${also}
`
  )
  for (const { name, what } of commands) {
    const text = help(name)
    const first = text.split('\n')[0] ?? ''
    const options = text.slice(text.indexOf('\nOptions:') + '\nOptions:'.length).trimEnd()
    page(
      `vipd-${name}`,
      8,
      what,
      `# SYNOPSIS\n\n**${first.trim()}** [*OPTIONS*]\n\n# DESCRIPTION\n\n${what}.\n\n# OPTIONS\n\n${fenced(options)}\n\n# SEE ALSO\n\n**vipd**(8), **vipd.yaml**(5)\n`
    )
  }
  const configuration = readFileSync(join(root, 'docs/configuration.md'), 'utf8').replace(/^# .*\n/, '')
  page('vipd.yaml', 5, 'configuration of vipd', configuration.replace(/<!--.*?-->\n/g, '').replace(/\]\([^)]*\)/g, ']()'))
}

const fenced = (text) => `\`\`\`\n${text}\n\`\`\``

const roff = (markdown) => execFileSync('pandoc', ['-s', '-f', 'markdown', '-t', 'man'], { input: markdown, encoding: 'utf8' })
