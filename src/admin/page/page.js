// The status page: what the daemon tells each second, drawn. Read-only; keeps two minutes of figures for the sparklines.
const KEPT = 120
const MOST_EVENTS = 100
/** Told each second: after these without a word the page says so. */
const SILENT_MS = 4000

const byId = (id) => document.getElementById(id)
const series = new Map()
const events = []
let before
let heardAt = performance.now()

/** An element with attributes and children; text is text, never markup. */
function el(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, value)
  made.append(...children.filter((child) => child !== undefined && child !== ''))
  return made
}

function keep(key, value) {
  const values = series.get(key) ?? []
  values.push(value)
  if (values.length > KEPT) values.shift()
  series.set(key, values)
  return values
}

function spark(key, value, label, unit = '') {
  const values = value === undefined ? (series.get(key) ?? []) : keep(key, value)
  const ns = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(ns, 'svg')
  svg.setAttribute('viewBox', `0 0 ${KEPT - 1} 100`)
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('class', 'spark')
  svg.setAttribute('role', 'img')
  const top = Math.max(0, ...values)
  svg.setAttribute(
    'aria-label',
    `${label}: now ${short(value)}${unit}, at most ${short(top)}${unit} in the last two minutes`
  )
  const path = document.createElementNS(ns, 'path')
  const from = KEPT - values.length
  const points = values.map((one, i) => `${from + i},${(96 - (top > 0 ? (one / top) * 92 : 0)).toFixed(1)}`)
  if (points.length > 0) path.setAttribute('d', points.length === 1 ? `M${points[0]}h0.1` : `M${points.join('L')}`)
  svg.append(path)
  return svg
}

function short(value) {
  if (value === undefined) return '–'
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)}G`
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)}k`
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1)
}

function span(seconds) {
  const units = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'm'],
    [1, 's']
  ]
  const at = units.findIndex(([size]) => seconds >= size)
  if (at < 0) return '0s'
  const [size, unit] = units[at]
  const next = units[at + 1]
  const rest = next === undefined ? 0 : Math.floor((seconds % size) / next[0])
  return `${Math.floor(seconds / size)}${unit}${rest > 0 ? ` ${rest}${next[1]}` : ''}`
}

const ago = (iso, now) => `${span(Math.max(0, Math.floor((now - Date.parse(iso)) / 1000)))} ago`
const pill = (text, kind) => el('span', { class: `pill ${kind}` }, text)

/** Of a counter, in a second; the first time, and after a restart, nothing is known: undefined. */
function rate(now, then, seconds) {
  return then === undefined || now < then || seconds <= 0 ? undefined : (now - then) / seconds
}

function drawInstance(one, now) {
  const kinds = { MASTER: 'good', BACKUP: '', FAULT: 'bad', INIT: 'warn' }
  const master =
    one.master === null
      ? 'no master is heard'
      : one.state === 'MASTER'
        ? 'this node is master'
        : `master: ${one.master.address}, priority ${one.master.priority}`
  const told = [
    ...one.fault,
    ...one.conditions.map(({ name, detail, mend }) => `${name}${detail === '' ? '' : ` (${detail})`}: ${mend}`)
  ]
  const priority =
    one.priority === one.effective_priority
      ? `priority ${one.priority}`
      : `priority ${one.effective_priority} (configured ${one.priority})`
  return el(
    'article',
    { class: 'card' },
    el('h3', {}, one.name, pill(one.state, kinds[one.state] ?? '')),
    ...one.virtual_ipaddress.map(({ address, held }) =>
      el('div', { class: 'vip' }, address, ' ', el('small', {}, held ? 'held here' : 'not here'))
    ),
    el('p', {}, `${one.state} since ${ago(one.since, now)}${one.reason ? ` (${one.reason})` : ''}, ${master}`),
    el(
      'p',
      {},
      `VRID ${one.virtual_router_id} on ${one.interface}, version ${one.version}, ${priority}, advert every ${one.advert_int_ms / 1000} s`
    ),
    told.length > 0 ? el('ul', { class: 'told' }, ...told.map((text) => el('li', {}, text))) : undefined
  )
}

function drawPeer(one, now) {
  const { view } = one
  const heard = one.heard_at === null ? 'never heard' : `heard ${ago(one.heard_at, now)}`
  const kinds = { MASTER: 'good', BACKUP: '', FAULT: 'bad', INIT: 'warn' }
  const state = one.is_heard ? undefined : pill(heard, 'warn')
  const name = el('h3', {}, view === null ? one.address : view.node, state)
  const trouble =
    one.error === null
      ? undefined
      : el('ul', { class: 'told' }, el('li', {}, `it cannot be told anything: ${one.error}`))
  if (view === null) return el('article', { class: 'card' }, name, trouble)
  const addresses = view.vrrp.flatMap((instance) => instance.virtual_ipaddress)
  return el(
    'article',
    { class: 'card' },
    name,
    ...view.vrrp.map((instance) =>
      el(
        'p',
        {},
        `${instance.name} `,
        pill(instance.state, kinds[instance.state] ?? ''),
        ` since ${ago(instance.since, now)}, priority ${instance.effective_priority}`
      )
    ),
    addresses.length > 0 ? el('p', {}, `holds ${addresses.join(', ')}`) : undefined,
    ...view.proxy.map((service) => {
      const down = service.servers.filter(({ status }) => status !== 'UP')
      const up = `${service.servers.length - down.length} of ${service.servers.length} servers UP`
      const which = down.length === 0 ? '' : ` (${down.map((server) => `${server.name} ${server.status}`).join(', ')})`
      return el('p', {}, `${service.name}: ${service.sessions} sessions, ${up}${which}`)
    }),
    el('p', {}, `${one.address}, version ${view.version}, up ${span(view.uptime_s)}`),
    trouble
  )
}

/** Why the channel does not carry what it should. */
function peerProblems(peers) {
  const refused = Object.entries(peers.refused).filter(([, count]) => count > 0)
  return [
    ...(peers.error === null ? [] : [`other nodes cannot come in at ${peers.listen}: ${peers.error}`]),
    ...(refused.length === 0
      ? []
      : [`peer channel, not listened to: ${refused.map(([why, count]) => `${why} ${count}`).join(', ')}`])
  ]
}

function cell(label, content, kind) {
  const isEmpty = content === undefined || content === ''
  return el(
    'td',
    { 'data-label': label, class: [kind, isEmpty ? 'empty' : ''].filter(Boolean).join(' ') || undefined },
    isEmpty ? '' : content
  )
}

function drawServer(service, one, then, seconds, now) {
  const kinds = { UP: 'good', DOWN: 'bad', DRAIN: 'warn', MAINT: 'warn' }
  const key = `${service.name}/${one.name}`
  const check = one.check === null ? undefined : `${one.check.result} ${short(one.check.latency_ms ?? 0)} ms`
  const why = [one.reason, one.check?.detail].filter(Boolean).join(', ')
  return el(
    'tr',
    {},
    cell('Server', one.name),
    cell('Address', one.address),
    cell('Status', pill(one.backup ? `${one.status}, backup` : one.status, kinds[one.status] ?? '')),
    cell('Since', ago(one.since, now)),
    cell('Check', check),
    cell(
      'Latency',
      one.check === null
        ? undefined
        : spark(`${key} latency`, one.check.latency_ms ?? 0, `check latency of ${key}`, ' ms')
    ),
    cell('Sessions', String(one.sessions.current), 'number'),
    cell('Sessions, 2 min', spark(`${key} sessions`, one.sessions.current, `sessions of ${key}`)),
    cell('New/s', short(rate(one.sessions.total, then?.sessions.total, seconds)), 'number'),
    cell('Out/s', `${short(rate(one.bytes_out, then?.bytes_out, seconds))} B`, 'number'),
    cell('Why', why, 'why')
  )
}

function drawService(one, then, seconds, now) {
  const isWell = one.listening && one.serving === 'active'
  const state = one.listening
    ? { active: 'serving', backup: 'on backups', 'fail-open': 'fail open', none: 'no server' }[one.serving]
    : 'not listening'
  const rates = {
    'new sessions/s': rate(one.sessions.total, then?.sessions.total, seconds),
    'bytes in/s': rate(one.bytes_in, then?.bytes_in, seconds),
    'bytes out/s': rate(one.bytes_out, then?.bytes_out, seconds)
  }
  const meter = (value, label, key) =>
    el(
      'div',
      { class: 'meter' },
      el('b', {}, short(value)),
      el('span', {}, label),
      spark(`${one.name} ${key}`, value, `${label} of ${one.name}`)
    )
  const head = [
    'Server',
    'Address',
    'Status',
    'Since',
    'Check',
    'Latency',
    'Sessions',
    'Sessions, 2 min',
    'New/s',
    'Out/s',
    'Why'
  ]
  const numbers = new Set(['Sessions', 'New/s', 'Out/s'])
  return el(
    'article',
    { class: 'card' },
    el('h3', {}, one.name, pill(state, isWell ? 'good' : one.serving === 'none' || !one.listening ? 'bad' : 'warn')),
    el('p', {}, `${one.bind.join(', ')}, ${one.balance}${one.fault ? `: ${one.fault}` : ''}`),
    el(
      'div',
      { class: 'meters' },
      meter(one.sessions.current, `sessions of ${one.maxconn_effective}`, 'sessions'),
      ...Object.entries(rates).map(([label, value]) => meter(value, label, label))
    ),
    el(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Servers of ${one.name}` },
      el(
        'table',
        {},
        el(
          'thead',
          {},
          el(
            'tr',
            {},
            ...head.map((text) => el('th', { scope: 'col', class: numbers.has(text) ? 'number' : undefined }, text))
          )
        ),
        el(
          'tbody',
          {},
          ...one.servers.map((server) =>
            drawServer(
              one,
              server,
              then?.servers.find(({ name }) => name === server.name),
              seconds,
              now
            )
          )
        )
      )
    )
  )
}

/** Replaces what is there, and leaves the reader where he was: a table that was scrolled stays so. */
function put(id, ...children) {
  const place = byId(id)
  const scrolled = [...place.querySelectorAll('.scroll')].map((one) => one.scrollLeft)
  const focused = [...place.querySelectorAll('.scroll')].indexOf(document.activeElement)
  place.replaceChildren(...children)
  const fresh = place.querySelectorAll('.scroll')
  for (const [i, left] of scrolled.entries()) if (fresh[i] !== undefined) fresh[i].scrollLeft = left
  fresh[focused]?.focus({ preventScroll: true })
}

function draw(status) {
  const now = Date.parse(status.at)
  const isSame = before !== undefined && before.pid === status.pid
  const seconds = isSame ? (now - Date.parse(before.at)) / 1000 : 0
  const then = (name) => (isSame ? before.proxy.find((one) => one.name === name) : undefined)
  byId('node').textContent = `on ${status.node}`
  document.title = `${status.vrrp.some(({ state }) => state === 'FAULT') ? '✗ ' : ''}vipd on ${status.node}`
  byId('about').textContent = `version ${status.version}, up ${span(status.uptime_s)}, pid ${status.pid}`
  put('vrrp', ...status.vrrp.map((one) => drawInstance(one, now)))
  put('proxy', ...status.proxy.map((one) => drawService(one, then(one.name), seconds, now)))
  byId('nodes').hidden = !status.peers
  put('peers', ...(status.peers?.nodes ?? []).map((one) => drawPeer(one, now)))
  const problems = [
    ...status.config.problems,
    ...(status.peers ? peerProblems(status.peers) : []),
    ...(status.process.data_plane_alive ? [] : ['the data plane stands still'])
  ]
  byId('problems').hidden = problems.length === 0
  put('problems', ...problems.map((text) => el('p', {}, text)))
  before = status
}

/** 2026-11-25 14:03:59, in the reader's own time zone. */
function localTime(iso) {
  const at = new Date(iso)
  const two = (number) => String(number).padStart(2, '0')
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`
}

function tell(fresh) {
  events.push(...fresh)
  events.splice(0, Math.max(0, events.length - MOST_EVENTS))
  const fact = ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`
  const line = ({ at, level, scope, instance, event, facts }) =>
    el(
      'li',
      {},
      el('time', { datetime: at }, localTime(at)),
      el(
        'span',
        {},
        level === 'info' ? '' : pill(level, level === 'error' ? 'bad' : 'warn'),
        level === 'info' ? '' : ' ',
        el('strong', {}, instance ?? scope),
        ` ${event} `,
        Object.entries(facts).map(fact).join(' ')
      )
    )
  put('events', ...[...events].reverse().map(line))
}

function say(text, isLost) {
  byId('link').textContent = text
  byId('link').classList.toggle('lost', isLost)
}

let last = 0
function connect() {
  const source = new EventSource(`live?since=${last}`)
  source.addEventListener('status', ({ data }) => {
    heardAt = performance.now()
    say('live', false)
    draw(JSON.parse(data))
  })
  source.addEventListener('events', ({ data }) => {
    const fresh = JSON.parse(data)
    // A daemon that was restarted counts anew.
    if (fresh.some(({ seq }) => seq <= last)) events.length = 0
    last = fresh.at(-1)?.seq ?? last
    tell(fresh)
  })
  source.onerror = () => say('not connected: vipd does not answer, trying again', true)
}

setInterval(() => {
  if (performance.now() - heardAt > SILENT_MS)
    say(`nothing heard for ${span(Math.floor((performance.now() - heardAt) / 1000))}, what is shown is old`, true)
}, 1000)
connect()
