import t from 'tap'
import type { CheckResult, Probe } from '../../../src/health/checker.js'
import { type ExecPorts, execProbe } from '../../../src/health/exec.js'
import { type ExecOptions, type ExecResult, run, splitCommand } from '../../../src/os/exec.js'
import { ManualClock } from '../../fakes/manual-clock.js'

const names = { service: 'apiserver', server: 'm1' }
const target = (command: string, user: string | null = null) => ({ host: '10.0.0.1', port: 6443, command, user })
const once = (probe: Probe, timeoutMs = 5000): Promise<CheckResult> =>
  new Promise((resolve) => probe(timeoutMs, resolve))

/** Programs that are run in earnest, as ourselves. */
const real = (): ExecPorts => ({
  clock: new ManualClock(),
  run,
  splitCommand,
  programProblem: async () => undefined,
  credentialsOf: () => ({})
})

t.test('exit status 0 is ready, 3 alive but not ready, all else dead', async (t) => {
  const exits = (script: string): Promise<CheckResult> =>
    once(execProbe(target(`/bin/sh -c "${script}"`), names, real()))
  t.match(await exits('echo fine'), { isOk: true, code: 'PROCOK', detail: 'exit status 0: fine' })
  t.match(await exits('exit 3'), { isOk: false, isAlive: true, code: 'PROCERR', detail: 'exit status 3' })
  t.match(await exits('echo no etcd; exit 1'), {
    isOk: false,
    isAlive: false,
    code: 'PROCERR',
    detail: 'exit status 1: no etcd'
  })
  t.match(await exits('kill -9 $$'), { isOk: false, code: 'PROCERR', detail: 'killed by SIGKILL' })
  t.match(await once(execProbe(target('/bin/sleep 10'), names, real()), 100), { isOk: false, code: 'PROCTOUT' })
})

t.test('the program learns its server', async (t) => {
  const { detail } = await once(
    execProbe(
      target(`/bin/sh -c 'echo $VIPD_SERVICE/$VIPD_SERVER $HAPROXY_SERVER_ADDR:$HAPROXY_SERVER_PORT'`),
      names,
      real()
    )
  )
  t.equal(detail, 'exit status 0: apiserver/m1 10.0.0.1:6443')
})

t.test('what may not be run says nothing of the server; it is run as soon as it may', async (t) => {
  const clock = new ManualClock()
  const asked: string[] = []
  const seen: ExecOptions[] = []
  let problem: string | undefined = 'others may change it'
  let hasUser = false
  const ports: ExecPorts = {
    clock,
    run: async (_argv, options): Promise<ExecResult> => {
      seen.push(options)
      return { ok: true, tookMs: 1, output: '' }
    },
    splitCommand,
    programProblem: async (program) => {
      asked.push(program)
      return problem
    },
    credentialsOf: (user) => (hasUser ? { uid: user === 'web' ? 7 : 8, gid: 7 } : undefined)
  }
  const silence = { isOk: false, isAlive: true, isUnsure: true, isSilent: true, code: 'PROCERR' }
  const probe = execProbe(target('/opt/check it', 'web'), names, ports)
  t.match(await once(probe), { ...silence, detail: 'others may change it' })
  problem = undefined
  t.match(await once(probe), { ...silence, detail: 'there is no user web to run it as' })
  hasUser = true
  t.match(await once(probe), { isOk: true })
  t.match(seen[0], { uid: 7, gid: 7, timeoutMs: 5000 })
  problem = 'others may change it'
  await clock.advance(59_000)
  t.match(await once(probe), { isOk: true }, 'it is looked at once a minute')
  await clock.advance(1000)
  t.match(await once(probe), silence)
  t.strictSame(
    asked,
    Array.from({ length: 3 }, () => '/opt/check')
  )
  t.match(await once(execProbe(target('/opt/check "it'), names, ports)), { ...silence, detail: /quote is not closed/ })
})

t.test('a program that cannot be started for want of something here is no verdict', async (t) => {
  const ports: ExecPorts = {
    ...real(),
    run: async () => ({
      ok: false,
      why: 'spawn',
      code: null,
      detail: 'EAGAIN: too many processes',
      output: '',
      tookMs: 0
    })
  }
  t.match(await once(execProbe(target('/bin/true'), names, ports)), { isOk: false, code: 'SOCKERR', detail: /EAGAIN/ })
})

t.test('given up, the program is ended and its result is not told', async (t) => {
  const probe = execProbe(target('/bin/sleep 10'), names, real())
  probe(20_000, () => t.fail('a result'))
  await new Promise((resolve) => setImmediate(resolve))
  probe.close?.()
  t.match(await once(execProbe(target('/bin/true'), names, real())), { isOk: true })
})
