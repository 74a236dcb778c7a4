import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { bigintToBytes, keccak256 } from '@zg/primitives'

import { drawQuorum, membersMax } from './quorum.ts'

/** Tickets from which on a part of them is more than a third, and than 5/12. */
const thirdFrom = 171
const twelfthsFrom = 214

type Ratio = { readonly above: bigint; readonly below: bigint }

/** The chance that of all tickets so many or more fall on a part of the votes, exactly. */
function tail(part: Ratio, from: number): Ratio {
  const { above, below } = part
  let ways = 1n
  let sum = 0n
  for (let hits = 0; hits <= membersMax; hits++) {
    if (hits > 0) ways = (ways * BigInt(membersMax - hits + 1)) / BigInt(hits)
    if (hits < from) continue
    sum += ways * above ** BigInt(hits) * (below - above) ** BigInt(membersMax - hits)
  }
  return { above: sum, below: below ** BigInt(membersMax) }
}

function log2({ above, below }: Ratio): number {
  const logOf = (number: bigint): number => {
    const bits = number.toString(2).length
    return bits < 60
      ? Math.log2(Number(number))
      : bits - 60 + Math.log2(Number(number >> BigInt(bits - 60)))
  }
  return logOf(above) - logOf(below)
}

/** `28 %` or `1/3`. */
function partOf(text: string): Ratio {
  const [, percent] = /^(\d+) %$/.exec(text) ?? []
  if (percent !== undefined) return { above: BigInt(percent), below: 100n }
  const [above, below] = text.split('/').map(BigInt)
  return { above: above!, below: below! }
}

/** Whether a chance is below `2^-7.8`, by less than the last digit says. */
function isBound(text: string, chance: Ratio): boolean {
  const [, power = ''] = /^2\^(-[\d.]+)$/.exec(text) ?? []
  const below = Number(power) - log2(chance)
  return below >= 0 && below < 10 ** -(power.split('.')[1]?.length ?? 0)
}

const spec = readFileSync(new URL('../../docs/specs/da.md', import.meta.url), 'utf8')
const rowPattern = /^\| (\d+ %|1\/3) \| (\S+) \| (\S+) \|$/gm

test('the chances of a bad quorum in da.md §7 are the tails of the binomial distribution', () => {
  assert.ok(3 * thirdFrom > membersMax && 3 * (thirdFrom - 1) <= membersMax)
  assert.ok(12 * twelfthsFrom > 5 * membersMax && 12 * (twelfthsFrom - 1) <= 5 * membersMax)
  const rows = [...spec.matchAll(rowPattern)]
  assert.equal(rows.length, 6)
  for (const [line, part = '', third = '', twelfths = ''] of rows) {
    const chances = [thirdFrom, twelfthsFrom].map((from) => tail(partOf(part), from))
    const shown = chances.map((chance) => log2(chance).toFixed(2)).join()
    assert.ok(isBound(third, chances[0]!) && isBound(twelfths, chances[1]!), `${line}: ${shown}`)
  }
})

test('quorums that are drawn are bad as often as the tails say, and of Q the sum bounds them all', () => {
  // 600 places of equal votes, of which the first three tenths are of one mind.
  const places = 600
  const bad = 180
  const active = Array.from({ length: places }, (_, place) => ({ place, votes: 1_000n }))
  const [epochs, quorums, slots] = [150, 4, 4_096]
  let badQuorums = 0
  let badEpochs = 0
  for (let epoch = 0; epoch < epochs; epoch++) {
    const seed = keccak256(bigintToBytes(BigInt(epoch), 32))
    const found = Array.from({ length: quorums }, (_, quorum) => {
      const { members } = drawQuorum({ active, seed, quorum, slots })
      const held = members.reduce((sum, own) => sum + (own.place < bad ? own.slots : 0), 0)
      return 3 * held > slots
    }).filter(Boolean).length
    badQuorums += found
    if (found > 0) badEpochs++
  }
  const chance = 2 ** log2(tail({ above: 3n, below: 10n }, thirdFrom))
  const draws = epochs * quorums
  // Four deviations; the seeds are always these.
  const deviation = Math.sqrt(draws * chance * (1 - chance))
  assert.ok(Math.abs(badQuorums - draws * chance) < 4 * deviation, `${badQuorums} of ${draws}`)
  assert.ok(badEpochs <= badQuorums)
  const bound = quorums * chance
  const epochDeviation = Math.sqrt(epochs * bound * (1 - bound))
  assert.ok(badEpochs < epochs * bound + 4 * epochDeviation, `${badEpochs} of ${epochs}`)
})
