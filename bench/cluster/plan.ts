import { parseArgs } from 'node:util'

/** What is asked of a cluster that is somebody's: bounded, and said before it is done. */
export interface Plan {
  /** `https://HOST:PORT`. */
  readonly target: string
  readonly kubeconfig: string
  readonly context?: string
  /** `HOST:PORT` of apiservers that are asked without the proxy. */
  readonly direct: readonly string[]
  /** Requests a second, of all kinds and ways together. */
  readonly rate: number
  readonly seconds: number
  /** Streams held open, each way. */
  readonly watches: number
  readonly isYes: boolean
  readonly out?: string
}

const MOST = { rate: 500, seconds: 3600, watches: 500 }
export const ROUNDS = 7

export const kinds = [
  { name: 'readyz', path: '/readyz' },
  { name: 'version', path: '/version' },
  { name: 'list', path: '/api/v1/namespaces?limit=50' }
] as const
export const watchPath = '/api/v1/namespaces/default/configmaps?watch=true'

export const usage = `npm run bench -- --target https://VIP:PORT --kubeconfig FILE [options]

Asks apiservers that are already there, through the VIP and directly, and says what came back. It only reads.

  --context NAME       another context of the kubeconfig than its current one
  --direct HOST:PORT   an apiserver to be asked without the proxy; several times. Unless given: what the cluster has as endpoints of
                       the service kubernetes; --direct none asks through the VIP alone
  --rate N             requests a second, all together (20, at most ${MOST.rate})
  --seconds S          how long (30, at most ${MOST.seconds})
  --watches N          watches held open, each way (10, at most ${MOST.watches})
  --yes                do not ask before it begins
  --out FOLDER         write report.md, report.json and plots/ there`

export type Parsed = { readonly ok: true; readonly plan: Plan } | { readonly ok: false; readonly problem: string }

export function parsePlan(argv: readonly string[]): Parsed {
  const problem = (what: string): Parsed => ({ ok: false, problem: what })
  let values: ReturnType<typeof words>
  try {
    values = words(argv)
  } catch (error) {
    return problem(error instanceof Error ? error.message : String(error))
  }
  const { target = '', kubeconfig = '' } = values
  if (!/^https:\/\/[^/\s]+:\d+\/?$/.test(target)) return problem('--target is https://HOST:PORT')
  if (kubeconfig === '') return problem('--kubeconfig FILE is needed: with whose credentials to ask')
  const direct = values.direct ?? []
  const bad = direct.find((one) => one !== 'none' && !/^[^/\s]+:\d+$/.test(one))
  if (bad !== undefined) return problem(`--direct is HOST:PORT: ${bad}`)
  const numbers = { rate: Number(values.rate), seconds: Number(values.seconds), watches: Number(values.watches) }
  for (const name of ['rate', 'seconds', 'watches'] as const) {
    const least = name === 'watches' ? 0 : 1
    if (!(numbers[name] >= least && numbers[name] <= MOST[name]))
      return problem(`--${name} is from ${least} to ${MOST[name]}`)
  }
  const { context, out, yes } = values
  return {
    ok: true,
    plan: {
      target: target.replace(/\/$/, ''),
      kubeconfig,
      direct,
      ...numbers,
      isYes: yes,
      ...(context !== undefined && { context }),
      ...(out !== undefined && { out })
    }
  }
}

function words(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    options: {
      target: { type: 'string' },
      kubeconfig: { type: 'string' },
      context: { type: 'string' },
      direct: { type: 'string', multiple: true },
      rate: { type: 'string', default: '20' },
      seconds: { type: 'string', default: '30' },
      watches: { type: 'string', default: '10' },
      yes: { type: 'boolean', default: false },
      out: { type: 'string' }
    }
  }).values
}

/** What will be done, to whom, in words. @param ways `HOST:PORT` of each, the VIP first */
export function planWords(plan: Plan, ways: readonly string[], user: string): string {
  const [vip = '', ...others] = ways
  const total = Math.round(plan.rate * plan.seconds)
  const lines = [
    `${total} requests in ${plan.seconds} s (${plan.rate} a second, each on a new connection): GET ${kinds.map((kind) => kind.path).join(', ')}`,
    plan.watches === 0 ? 'no watch' : `${plan.watches} watches each way, held open: GET ${watchPath}`,
    `through ${vip}${others.length === 0 ? ', and nowhere else' : `, and in turn directly to ${others.join(', ')}`}`,
    `as the kubeconfig’s user “${user}”; it only reads`
  ]
  return lines.map((line) => `  ${line}`).join('\n')
}
