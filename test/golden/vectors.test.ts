import { readFileSync } from 'node:fs'
import t from 'tap'
import * as z from 'zod'
import { type Advert, decodeAdvert, encodeAdvert, passwordBytes } from '../../src/vrrp/advert.js'
import { gratuitousArp, unsolicitedNa } from '../../src/vrrp/neighbor.js'
import { type Local, receive } from '../../src/vrrp/receive.js'
import { masterDownMs, skewMs } from '../../src/vrrp/timing.js'

// vectors/vrrp.json was computed from the RFCs' layouts by a program that shares nothing with any implementation.
// `keepalived_auth_hmac` is run in test/unit/vrrp/hmac.test.ts.

const version = z.union([z.literal(2), z.literal(3)])
const localShape = z.object({ version, vrid: z.int(), advert_int_ms: z.number(), auth_pass: z.string().optional() })
const advertShape = z.object({
  name: z.string(),
  src: z.string(),
  dst: z.string(),
  ttl: z.int(),
  hex: z.string(),
  local: localShape.optional(),
  rejected_because: z.string().optional(),
  decodes_to: z
    .object({
      version,
      vrid: z.int(),
      priority: z.int(),
      advert_int_ms: z.number(),
      auth_type: z.int().optional(),
      auth_pass: z.string().optional(),
      addresses: z.array(z.string()),
      checksum: z.enum(['message', 'pseudo-header'])
    })
    .optional()
})
const vectors = z
  .object({
    adverts: z.array(advertShape),
    gratuitous_arp: z.object({ mac: z.string(), vip: z.string(), frame: z.string() }),
    unsolicited_na: z.object({ mac: z.string(), vip: z.string(), router: z.boolean(), frame: z.string() }),
    timers: z.array(
      z.object({
        version,
        advert_int_ms: z.number(),
        priority: z.int(),
        skew_ms: z.number(),
        master_down_ms: z.number()
      })
    )
  })
  .parse(JSON.parse(readFileSync(new URL('../../../test/golden/vectors/vrrp.json', import.meta.url), 'utf8')))

/** A receiver as the README of the vectors has it: VRID 51, 1 s, PASS 1234 unless the entry says otherwise. */
const DEFAULT = { version: 2, vrid: 51, advert_int_ms: 1000, auth_pass: '1234' } as const

const localOf = (raw: z.infer<typeof localShape>): Local => ({
  version: raw.version,
  vrid: raw.vrid,
  advertIntMs: raw.advert_int_ms,
  password: raw.auth_pass === undefined ? null : passwordBytes(raw.auth_pass)
})

t.test('there are vectors of both kinds', async (t) => {
  t.ok(vectors.adverts.filter((one) => one.decodes_to !== undefined).length >= 14)
  t.ok(vectors.adverts.filter((one) => one.rejected_because !== undefined).length >= 20)
})

for (const entry of vectors.adverts) {
  const { name, src: source, dst: destination, ttl, hex } = entry
  const payload = Buffer.from(hex, 'hex')
  const meant = entry.decodes_to
  if (meant === undefined) {
    t.test(`${name} is refused for its ${entry.rejected_because}`, async (t) => {
      const local = localOf(entry.local ?? DEFAULT)
      const received = receive({ payload, source, destination, ttl }, (vrid) =>
        vrid === local.vrid ? local : undefined
      )
      t.strictSame(received, { ok: false, why: entry.rejected_because })
    })
    continue
  }
  const { auth_type: type, auth_pass: pass, advert_int_ms: advertIntMs, ...common } = meant
  const advert: Advert = {
    ...common,
    advertIntMs,
    ...(type === undefined ? {} : { auth: { type, data: passwordBytes(pass ?? '') } })
  }
  t.test(`${name} decodes to its fields`, async (t) => {
    t.strictSame(decodeAdvert(payload, { source, destination }), { ok: true, advert })
  })
  t.test(`${name} is accepted by a receiver that is configured alike`, async (t) => {
    const password = type === 1 ? passwordBytes(pass ?? '') : null
    const isMulticast = destination.startsWith('224.') || destination.startsWith('ff')
    const unicast = isMulticast ? null : { peers: [{ address: source, minTtl: 255, maxTtl: 255 }], checkSource: true }
    const local: Local = { version: meant.version, vrid: meant.vrid, advertIntMs, password, unicast }
    t.ok(receive({ payload, source, destination, ttl }, () => local).ok)
  })
  t.test(`${name} is encoded to the same bytes`, async (t) => {
    const encoded = Buffer.from(encodeAdvert(advert, { source, destination })).toString('hex')
    // Reserved bits are ignored when heard and sent as zero, which changes the checksum.
    if (name.includes('reserved bits')) t.equal(encoded.replace(/^(.{12}).{4}/, '$1'), '310764010fffc0a80164')
    else t.equal(encoded, hex)
  })
}

t.test('a gratuitous ARP is equal to the byte', async (t) => {
  const { mac, vip, frame } = vectors.gratuitous_arp
  t.equal(Buffer.from(gratuitousArp(Buffer.from(mac.replaceAll(':', ''), 'hex'), vip)).toString('hex'), frame)
})

t.test('an unsolicited neighbour advertisement is equal to the byte', async (t) => {
  const { mac, vip, router, frame } = vectors.unsolicited_na
  t.equal(Buffer.from(unsolicitedNa(Buffer.from(mac.replaceAll(':', ''), 'hex'), vip, router)).toString('hex'), frame)
})

for (const entry of vectors.timers) {
  const { version, advert_int_ms: interval, priority } = entry
  t.test(`the timers of version ${version}, priority ${priority}, every ${interval} ms agree exactly`, async (t) => {
    t.equal(skewMs(version, priority, interval), entry.skew_ms)
    t.equal(masterDownMs(version, priority, interval), entry.master_down_ms)
  })
}
