/** How regular adverts are, from when each was on the wire. */

export interface Regularity {
  readonly adverts: number
  /** How far a gap between two adverts was from the interval: half of them, 99.9 % and all of them at most. */
  readonly p50Ms: number
  readonly p999Ms: number
  readonly maxMs: number
  /** Adverts that did not come: one that comes when the next was already due has swallowed it. A late one alone is late, not missed. */
  readonly missed: number
}

/** @param at when each advert was seen, in milliseconds, in order */
export function regularity(at: readonly number[], intervalMs: number): Regularity {
  const gaps = at.slice(1).map((time, index) => time - (at[index] ?? time))
  const off = gaps.map((gap) => Math.abs(gap - intervalMs)).sort((a, b) => a - b)
  const quantile = (part: number): number => off[Math.max(0, Math.ceil(off.length * part) - 1)] ?? Number.NaN
  return {
    adverts: at.length,
    p50Ms: quantile(0.5),
    p999Ms: quantile(0.999),
    maxMs: quantile(1),
    missed: missedOf(at, intervalMs)
  }
}

/** What the capture's clock (that of the day) may run ahead of the sender's, as a part of the interval: it is slewed. */
const DRIFT = 0.001

/** Walks the sender's schedule, which follows whatever comes earlier than it. */
function missedOf(at: readonly number[], intervalMs: number): number {
  let due = at[0] ?? 0
  let missed = 0
  for (const time of at.slice(1)) {
    if (time < due + intervalMs / 2) continue // one more than the schedule has
    due = Math.min(time, due + intervalMs)
    for (; time - due >= intervalMs; due += intervalMs) missed++
    due += Math.min(time - due, intervalMs * DRIFT)
  }
  return missed
}

const NANO_MAGIC = 0xa1b23c4d
const FILE_HEAD = 24
const RECORD_HEAD = 16

/** When each packet of a capture was seen (`tcpdump --time-stamp-precision=nano`, this machine's byte order), in milliseconds. A cut last record is left out. */
export function timesOf(pcap: Buffer): number[] {
  if (pcap.length < FILE_HEAD || pcap.readUInt32LE(0) !== NANO_MAGIC) throw new Error('no capture in nanoseconds')
  const times: number[] = []
  let first: number | undefined
  for (let at = FILE_HEAD; at + RECORD_HEAD <= pcap.length; ) {
    const [seconds, nanoseconds, size] = [pcap.readUInt32LE(at), pcap.readUInt32LE(at + 4), pcap.readUInt32LE(at + 8)]
    first ??= seconds
    times.push((seconds - first) * 1000 + nanoseconds / 1e6)
    at += RECORD_HEAD + size
  }
  return times
}
