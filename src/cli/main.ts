#!/usr/bin/env node
import yargs from 'yargs'
import { hideBin } from 'yargs/helpers'
import { asciiUnlessUtf8 } from './ascii.js'
import { checkCommand } from './check.js'
import { doctorCommand } from './doctor.js'
import { eventsCommand } from './events.js'
import { EXIT, fail } from './exit.js'
import { failoverCommand } from './failover.js'
import { importCommand } from './import.js'
import { releaseCommand } from './release.js'
import { reloadCommand } from './reload.js'
import { runCommand } from './run.js'
import { serverCommand } from './server.js'
import { sessionsCommand } from './sessions.js'
import { statusCommand } from './status.js'
import { upgradeCommand } from './upgrade.js'
import { readVersion } from './version.js'
import { COLUMNS } from './width.js'

// A reader that goes away (`| head`) is no failure; a full disk is one, told in a sentence.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`vipd: cannot write the output: ${error.message}\n`)
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed)
})

asciiUnlessUtf8(process.env, process.stdout, process.stderr)

/** Names, options, help and exit codes; every command is a file of its own and loads what it needs when it runs. */
await yargs(hideBin(process.argv))
  .parserConfiguration({ 'duplicate-arguments-array': false })
  .scriptName('vipd')
  .usage('$0 COMMAND\n\nOne daemon for a virtual IP (VRRP) and the TCP proxy behind it.')
  .command(runCommand)
  .command(checkCommand)
  .command(doctorCommand)
  .command(importCommand)
  .command(statusCommand)
  .command(eventsCommand)
  .command(serverCommand)
  .command(sessionsCommand)
  .command(failoverCommand)
  .command(reloadCommand)
  .command(upgradeCommand)
  .command(releaseCommand)
  .demandCommand(1, 'Say what to do: one of the commands above.')
  .strictCommands()
  .strictOptions()
  .completion('completion', false)
  .version(readVersion())
  .help()
  .alias('h', 'help')
  .wrap(COLUMNS)
  .exitProcess(false)
  .fail((message, error, instance) => {
    if (error instanceof Error && error.name !== 'YError') return fail(error)
    instance.showHelp('error')
    process.stderr.write(`\n${message}\n`)
    process.exitCode = EXIT.usage
  })
  .parseAsync()
  .catch(fail)
