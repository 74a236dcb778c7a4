/**
 * Bench `da-zero-gravity`: what 0G's façade costs on our EVM under Osaka rules, every slot cold, with
 * 16 and with 512 signers of equal votes; and how long its signatures take in this process.
 *
 *     register_gas         a key with its proof; `register_epoch_gas` for the next epoch
 *     upload_gas           the first root of a transaction; `upload_more_gas` each that follows
 *     verify_*_gas         a root whose signers are all of the quorum, or two thirds of it;
 *                          `verify_more_*_gas` each that follows in the same transaction
 *     aggregate_*_gas      `getAggPkG1` by itself
 *
 * The ratio is what DataEntrance takes to record one batch of as many signers, in the same run.
 */

import { dataOperator, testBatch } from '@zg/contracts/testing'
import { fromHex, sha256, toHex } from '@zg/primitives'

import { FacadeWorld, uploader } from '../testing/facade-world.ts'
import type { FacadeOperator } from '../testing/facade-world.ts'
import { bn254Sign, bn254Verify } from './bn254.ts'
import type { RootName } from './messages.ts'
import { rootDigest } from './messages.ts'
import { rowBitmap } from './submission.ts'

const rounds = 10
/** As networks run, with epochs in which all can register. */
const options = { fork: 'osaka', epochSeconds: 10_000 } as const

/** Measures each. */
export function bench() {
  const few = measureQuorum(16)
  const many = measureQuorum(512)
  const ratios = { ...few.ratios, ...many.ratios }
  const metrics = { ...few.metrics, ...many.metrics, ...measureSignatures() }
  return { name: 'da-zero-gravity', metrics, peers: {}, ratios }
}

function measureQuorum(count: number) {
  const facade = new FacadeWorld(options)
  const { data } = facade
  const operators = facade.operators(count)
  const native = certifyGas(count)
  data.settle(
    operators,
    operators.map(() => 300n),
  )
  const last = { register: 0, registerEpoch: 0 }
  for (const operator of operators) last.register = Number(facade.register(operator).gasUsed)
  for (const operator of operators) {
    last.registerEpoch = Number(facade.registerNext(operator).gasUsed)
  }
  data.passEpochs(1)
  data.openAll()
  const quorum = facade.quorumAt(0)
  const roots = (from: number, many: number) =>
    Array.from({ length: many }, (_, index) => sha256(Uint8Array.of(from, index)))
  facade.upload(roots(0, 1))
  const one = facade.upload(roots(1, 1))
  const three = facade.upload(roots(2, 3))
  const all = [...operators.keys()]
  const some = all.slice(0, Math.ceil((2 * count) / 3))
  const submission = (name: RootName, members: readonly number[]) =>
    facade.submission(name, operators, members)
  const uploadGas = Number(one.sent.gasUsed)
  const verified = facade.submit(submission(one.names[0]!, all)).gasUsed
  const partly = facade.submit(submission(three.names[0]!, some)).gasUsed
  const both = three.names.slice(1).map((name) => submission(name, all))
  const together = facade.submit(...both).gasUsed
  const bitmap = toHex(rowBitmap(quorum, all))
  const aggregate = { contract: facade.signers, name: 'getAggPkG1', args: [data.epoch, 0, bitmap] }
  const of = `${count}_signers`
  const once = { register_gas: last.register, register_epoch_gas: last.registerEpoch }
  const uploads = {
    upload_gas: uploadGas,
    upload_more_gas: Math.round((Number(three.sent.gasUsed) - uploadGas) / 2),
  }
  return {
    metrics: {
      ...(count === 16 ? { ...once, ...uploads } : {}),
      [`verify_${of}_gas`]: Number(verified),
      [`verify_${of}_two_thirds_gas`]: Number(partly),
      [`verify_more_${of}_gas`]: Number(together - verified),
      [`aggregate_${of}_gas`]: Number(data.world.send(aggregate).executionGas),
    },
    ratios: { [`verify_over_certify_${of}`]: Number(verified) / native },
  }
}

/** What DataEntrance takes to record a batch that all have signed. */
function certifyGas(count: number): number {
  const { data } = new FacadeWorld(options)
  const members = Array.from({ length: count }, (_, index) => dataOperator(index))
  data.deposit(uploader, 10n ** 18n)
  data.settle(
    members,
    members.map(() => 300n),
  )
  data.openAll()
  const certify = (sequence: number): number => {
    const batch = testBatch({ epoch: data.epoch, disperser: uploader, sequence })
    return Number(data.certify(data.certificate(batch, { members })).gasUsed)
  }
  // The first of a quorum writes words that were zero.
  certify(0)
  return certify(1)
}

/** Milliseconds, the middle of some. */
function measureSignatures(): Record<string, number> {
  const facade = new FacadeWorld()
  const [operator] = facade.operators(1) as [FacadeOperator]
  const { secret, pkG2 } = operator.bn254
  const digest = rootDigest({ dataRoot: fromHex(`0x${'11'.repeat(32)}`), epoch: 1n, quorumId: 2n })
  const signature = bn254Sign(secret, digest)
  const timed = (act: () => unknown): number => {
    const times = Array.from({ length: rounds }, () => {
      const from = performance.now()
      act()
      return performance.now() - from
    })
    return times.sort((a, b) => a - b)[rounds >> 1]!
  }
  return {
    sign_ms: timed(() => bn254Sign(secret, digest)),
    verify_ms: timed(() => bn254Verify(pkG2, digest, signature)),
  }
}
