import { pause, poll } from '../lab/wait.js'
import type { Storm } from './storm.js'

/** What is not as it should be when all is well again and the clients have gone. */
export async function leftovers(storm: Storm): Promise<string[]> {
  const found: string[] = []
  const expect = (what: string, outcome: Promise<unknown>): Promise<void> =>
    outcome.then(
      () => undefined,
      (error: Error) => void found.push(`${what}: ${error.message}`)
    )
  for (const { subject, node } of storm.masters) await expect(`${node.name} comes back`, subject.start())
  await expect('the first master is owner again', storm.lab.owners.until(['m1'], 30_000))
  const { ok } = storm.tally
  await expect(
    'visits succeed',
    poll(() => storm.tally.ok > ok + 20, 15_000, 'twenty visits')
  )
  await storm.endLoad()
  await pause(100)
  for (const { subject, node } of storm.masters) {
    const isIdle = async (): Promise<boolean> => (await subject.sessions().catch(() => -1)) === 0
    await expect(`${node.name} has no session left`, poll(isIdle, 120_000, 'no session'))
    const waiting = await storm.lab.run(node, ['ss', '-Htn', 'state', 'close-wait', 'sport', '=', ':8443'])
    if (waiting.trim() !== '') found.push(`${node.name} has connections in CLOSE-WAIT:\n${waiting}`)
  }
  return found
}
