import { METRICS_TYPE, metricsText } from './metrics.js'
import { type Decoded, failoverOf, killOf, orderOf, sessionQueryOf } from './requests.js'
import { type Control, isHealthy, type Verdict } from './status.js'

/** What is answered: JSON, or with a `type` the body as it is. */
export interface Answer {
  readonly code: number
  readonly body: unknown
  readonly type?: string
}

/** What may be asked, by method and path. */
export type Route = (control: Control, query: URLSearchParams, body: string) => Promise<Answer>
export type Routes = Readonly<Record<string, Route>>

/** Read-only: over TCP too. */
export const READ: Routes = {
  'GET /v1/status': async (control) => ({ code: 200, body: await control.status() }),
  'GET /status.json': async (control) => ({ code: 200, body: await control.status() }),
  'GET /healthz': async (control) => {
    const healthy = isHealthy(await control.status())
    return { code: healthy ? 200 : 503, body: { healthy } }
  },
  'GET /metrics': async (control, query) => ({
    code: 200,
    body: await metricsText(await control.status(), query.get('names') === 'haproxy'),
    type: METRICS_TYPE
  })
}

/** On the unix socket alone. */
export const LOCAL: Routes = {
  'GET /v1/events': async (control, query) => {
    const since = query.get('since') ?? '0'
    if (!/^\d{1,15}$/.test(since)) return { code: 400, body: { error: 'since must be the number of an event' } }
    return { code: 200, body: control.events(Number(since)) }
  },
  'GET /v1/reload': async (control) => ({ code: 200, body: await control.preview() }),
  'POST /v1/reload': async (control) => ({ code: 200, body: await control.reload() }),
  'POST /v1/server': (control, _, body) =>
    decided(orderOf(body), async ({ name, order }) => control.orderServer(name, order)),
  'POST /v1/failover': (control, _, body) => decided(failoverOf(body), async (asked) => control.failover(asked)),
  'POST /v1/upgrade': (control) => decided({ ok: true, value: null }, () => control.handOver()),
  'GET /v1/sessions': (control, query) => decided(sessionQueryOf(query), (asked) => control.sessions(asked)),
  'POST /v1/sessions/kill': (control, _, body) => decided(killOf(body), (asked) => control.killSessions(asked))
}

/** 400 for what cannot be read, 409 for what cannot be done; both say why. */
async function decided<Asked>(asked: Decoded<Asked>, act: (what: Asked) => Promise<Verdict<object>>): Promise<Answer> {
  if (!asked.ok) return { code: 400, body: { error: asked.error } }
  const verdict = await act(asked.value)
  if (!verdict.ok) return { code: 409, body: { error: verdict.error } }
  const { ok, ...body } = verdict
  return { code: 200, body }
}
