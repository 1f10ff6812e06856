import t from 'tap'
import { systemClock } from '../../../src/base/clock.js'
import type { TrackScriptConfig } from '../../../src/config/track-schema.js'
import { type Argv, type ExecOptions, type ExecResult, run, splitCommand } from '../../../src/os/exec.js'
import { programProblem } from '../../../src/os/safe-program.js'
import { type ScriptPorts, ScriptTracker } from '../../../src/track/script.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const CONFIG: TrackScriptConfig = {
  name: 'check',
  script: '/bin/check -a "b c"',
  shell: false,
  intervalMs: 1000,
  timeoutMs: 1000,
  weight: 0,
  rise: 1,
  fall: 1,
  user: null,
  initFail: false
}
const ok: ExecResult = { ok: true, tookMs: 5, output: '' }
const failed = (detail = 'exit status 1', output = ''): ExecResult => ({
  ok: false,
  why: 'exit',
  code: 1,
  detail,
  output,
  tookMs: 5
})

/** A tracker over programs that take `tookMs` and end as `result` says. */
function setUp(config: Partial<TrackScriptConfig> = {}, ports: Partial<ScriptPorts> = {}) {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const made = {
    clock,
    log,
    starts: [] as { at: number; argv: Argv; options: ExecOptions }[],
    changes: [] as string[],
    tookMs: 5,
    result: ok as ExecResult,
    problem: undefined as string | undefined,
    looks: [] as string[],
    tracker: undefined as unknown as ScriptTracker
  }
  made.tracker = new ScriptTracker(
    { ...CONFIG, ...config },
    {
      clock,
      log,
      splitCommand,
      credentials: {},
      run: (argv, options) => {
        made.starts.push({ at: clock.now(), argv, options })
        return new Promise((resolve) => {
          const { result } = made
          clock.after(made.tookMs, () => resolve(result))
        })
      },
      programProblem: async (program) => {
        made.looks.push(program)
        return made.problem
      },
      onChange: () => made.changes.push(made.tracker.level.state),
      ...ports
    }
  )
  t.teardown(() => made.tracker.stop())
  return made
}

t.test('what is run', async (t) => {
  t.test('the program with its arguments, its deadline, and who it runs as', async (t) => {
    const made = setUp({ timeoutMs: 700 }, { credentials: { uid: 7, gid: 8 } })
    made.tracker.start()
    await made.clock.advance(0)
    t.match(made.starts, [{ argv: ['/bin/check', '-a', 'b c'], options: { timeoutMs: 700, uid: 7, gid: 8 } }])
    t.strictSame(made.looks, ['/bin/check'])
  })

  t.test('with `shell` the line as it is, by /bin/sh', async (t) => {
    const made = setUp({ shell: true, script: 'a | b "c' })
    made.tracker.start()
    await made.clock.advance(0)
    t.strictSame(made.starts[0]?.argv, ['/bin/sh', '-c', 'a | b "c'])
  })

  t.test('a line whose quote is not closed is down, and never run', async (t) => {
    const made = setUp({ script: '/bin/check "a' })
    made.tracker.start()
    await made.clock.advance(2000)
    t.match(made.tracker.level, { state: 'down', detail: /a quote is not closed/ })
    t.strictSame(made.starts, [])
  })
})

t.test('the schedule', async (t) => {
  t.test('runs at once, then from start to start', async (t) => {
    const made = setUp()
    made.tookMs = 300
    made.tracker.start()
    made.tracker.start()
    await made.clock.advance(2500)
    t.strictSame(
      made.starts.map(({ at }) => at),
      [0, 1000, 2000]
    )
  })

  t.test('a run that lasts longer than the interval puts the next one off', async (t) => {
    const made = setUp({ timeoutMs: 5000 })
    made.tookMs = 2500
    made.tracker.start()
    await made.clock.advance(5200)
    t.strictSame(
      made.starts.map(({ at }) => at),
      [0, 2500, 5000]
    )
  })

  t.test('a run that never answers is a failure, and not the last one', async (t) => {
    const made = setUp()
    made.tookMs = 1e9
    made.tracker.start()
    await made.clock.advance(1999)
    t.equal(made.tracker.level.state, 'init')
    await made.clock.advance(1)
    t.match(made.tracker.level, { state: 'down', detail: 'the program did not answer' })
    t.equal(made.starts.length, 2)
  })

  t.test('stopped, it ends what runs, and says nothing any more', async (t) => {
    const made = setUp()
    made.tracker.start()
    await made.clock.advance(2)
    t.equal(made.starts[0]?.options.signal?.aborted, false)
    made.tracker.stop()
    t.equal(made.starts[0]?.options.signal?.aborted, true)
    await made.clock.advance(5000)
    t.equal(made.starts.length, 1)
    t.strictSame(made.changes, [])
    t.equal(made.clock.pending, 0)
  })
})

t.test('up and down', async (t) => {
  t.test('it is init until the first result, and one success is enough to come up', async (t) => {
    const made = setUp({ rise: 3, fall: 3 })
    t.match(made.tracker.level, { state: 'init', value: 0, detail: 'has not run yet' })
    made.tracker.start()
    await made.clock.advance(4)
    t.equal(made.tracker.level.state, 'init')
    await made.clock.advance(1)
    t.match(made.tracker.level, { state: 'up', value: 0, detail: 'exit status 0' })
    t.strictSame(made.changes, ['up'])
  })

  t.test('one failure is enough to be down at first', async (t) => {
    const made = setUp({ rise: 3, fall: 3 })
    made.result = failed()
    made.tracker.start()
    await made.clock.advance(10)
    t.match(made.tracker.level, { state: 'down', detail: 'exit status 1' })
  })

  t.test('with init_fail it is down until it has succeeded `rise` times', async (t) => {
    const made = setUp({ rise: 3, initFail: true })
    t.equal(made.tracker.level.state, 'down')
    made.tracker.start()
    await made.clock.advance(1500)
    t.match(made.tracker.level, { state: 'down', detail: 'exit status 0' })
    await made.clock.advance(1000)
    t.equal(made.tracker.level.state, 'up')
    t.strictSame(made.changes, ['up'])
  })

  t.test('`fall` failures in a row take it down, `rise` successes bring it up', async (t) => {
    const made = setUp({ rise: 2, fall: 3 })
    const states: string[] = []
    made.tracker.start()
    for (const result of [ok, failed(), failed(), ok, failed(), failed(), failed(), ok, failed(), ok, ok]) {
      made.result = result
      // Over the end of this second's run, to before the next one starts.
      await made.clock.advance(states.length === 0 ? 500 : 1000)
      states.push(made.tracker.level.state)
    }
    t.strictSame(states, ['up', 'up', 'up', 'up', 'up', 'up', 'down', 'down', 'down', 'down', 'up'])
    t.strictSame(made.changes, ['up', 'down', 'up'])
  })
})

t.test('the log', async (t) => {
  t.test('is told of each flip once, with the first line of what the program said', async (t) => {
    const made = setUp()
    made.tracker.start()
    await made.clock.advance(500)
    made.result = failed('exit status 2', `\n why: ${'x'.repeat(1000)}\nmore`)
    await made.clock.advance(5000)
    t.match(made.log.lines, [
      {
        level: 'info',
        message: 'script is up',
        facts: { trackScript: 'check', from: 'init', to: 'up', detail: 'exit status 0', output: '' }
      },
      {
        level: 'warn',
        message: 'script is down',
        facts: { from: 'up', to: 'down', detail: 'exit status 2', tookMs: 5 }
      }
    ])
    t.equal(made.log.lines.length, 2)
    t.match(made.log.lines[1]?.facts['output'], /^why: x{195}$/)
  })

  t.test('is told of the first failure with init_fail too, though it is no flip', async (t) => {
    const made = setUp({ initFail: true })
    made.result = failed()
    made.tracker.start()
    await made.clock.advance(3000)
    t.match(made.log.lines, [{ message: 'script is down', facts: { from: 'down', to: 'down' } }])
    t.equal(made.log.lines.length, 1)
  })

  t.test('is not told of successes with init_fail before the flip', async (t) => {
    const made = setUp({ initFail: true, rise: 2 })
    made.tracker.start()
    await made.clock.advance(3000)
    t.match(made.log.lines, [{ message: 'script is up', facts: { from: 'down', to: 'up' } }])
    t.equal(made.log.lines.length, 1)
  })
})

t.test('a program that must not be run', async (t) => {
  t.test('is down at once whatever `fall` says, with the reason, and is not run', async (t) => {
    const made = setUp({ fall: 3 })
    made.tracker.start()
    await made.clock.advance(500)
    t.equal(made.tracker.level.state, 'up')
    made.problem = '/bin/check may be written to'
    await made.clock.advance(59_000)
    t.equal(made.looks.length, 1, 'what was found is believed for a minute')
    await made.clock.advance(1000)
    t.match(made.tracker.level, { state: 'down', detail: '/bin/check may be written to' })
    t.equal(made.starts.at(-1)?.at, 59_000)
    t.strictSame(made.changes, ['up', 'down'])
  })

  t.test('is run again as soon as it is mended', async (t) => {
    const made = setUp()
    made.problem = 'no'
    made.tracker.start()
    await made.clock.advance(1500)
    t.strictSame([made.starts.length, made.looks.length], [0, 2])
    made.problem = undefined
    await made.clock.advance(1000)
    t.strictSame(made.changes, ['down', 'up'])
  })

  t.test('a look at it that fails is a reason too', async (t) => {
    const made = setUp({}, { programProblem: () => Promise.reject(new Error('EIO')) })
    made.tracker.start()
    await made.clock.advance(0)
    t.match(made.tracker.level, { state: 'down', detail: 'EIO' })
  })
})

t.test('over real programs', async (t) => {
  const outcome = (script: string): Promise<ScriptTracker> =>
    new Promise((resolve) => {
      const tracker: ScriptTracker = new ScriptTracker(
        { ...CONFIG, timeoutMs: 20_000, intervalMs: 60_000, script },
        {
          clock: systemClock,
          log: new MemoryLog(),
          run,
          splitCommand,
          programProblem,
          credentials: {},
          onChange: () => {
            tracker.stop()
            resolve(tracker)
          }
        }
      )
      tracker.start()
    })
  t.match((await outcome('/bin/true')).level, { state: 'up' })
  t.match((await outcome('sh -c "exit 3"')).level, { state: 'down', detail: 'exit status 3' })
  t.match((await outcome('/no/such/program')).level, { state: 'down', detail: '/no/such/program does not exist' })
})
