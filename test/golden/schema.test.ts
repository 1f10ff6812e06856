import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import * as z from 'zod'
import { configSchema } from '../../src/config/schema.js'

// docs/vipd.schema.json is for editors; it comes from the one schema in code. Rewritten by UPDATE_GOLDEN=1.

const url = new URL('../../../docs/vipd.schema.json', import.meta.url)

/** The editors' view of it: what may be written, before defaults and units. */
const generated = (): string => `${JSON.stringify(z.toJSONSchema(configSchema, { io: 'input' }), null, 2)}\n`

t.test('the JSON Schema for editors is that of the code', async (t) => {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(url, generated())
  t.equal(readFileSync(url, 'utf8'), generated(), 'UPDATE_GOLDEN=1 node dist/test/golden/schema.test.js writes it')
})

t.test('it knows every key, refuses others, and says what they mean', async (t) => {
  const schema: unknown = JSON.parse(generated())
  t.match(schema, {
    type: 'object',
    additionalProperties: false,
    properties: {
      vrrp: {
        type: 'array',
        items: {
          additionalProperties: false,
          required: ['name', 'interface', 'virtual_router_id', 'virtual_ipaddress'],
          properties: { priority: { minimum: 1, maximum: 255, default: 100 }, advert_int: { description: String } }
        }
      },
      proxy: { type: 'array', items: { additionalProperties: false, required: ['name', 'servers'] } }
    }
  })
})
