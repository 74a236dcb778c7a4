import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import { blsScheme } from '@zg/consensus'
import { artifactOf } from '@zg/contracts'
import {
  addressOfSecretKey,
  concat,
  fromHex,
  keccak256,
  sha256,
  signDigest,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock, silentLogger } from '@zg/runtime'
import { createPublicClient, http, parseEther } from 'viem'
import type { Abi } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'

import { localBatchCoder } from '../disperser/batch-coder.ts'
import { batchRequestDigest } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import { batchDigest, CertificateBuilder } from '../batch/certificate.ts'
import type { ContractChain } from '../chain/contract-chain.ts'
import { ContractSender } from '../chain/contract-sender.ts'
import type { DataRecord, DrawnQuorum } from '../chain/data-chain.ts'
import { openDuties } from '../data-host.ts'
import type { Query } from './duty-chain.ts'
import { EvidenceWatch } from '../disperser/evidence-watch.ts'
import { httpNodeClient } from '../node/http-node-client.ts'
import { PaymentDesk, voucherDigest } from '../disperser/payment-desk.ts'
import { signPersonal } from '../batch/personal-signature.ts'
import { askedRows, askingRows, queryDrawOf } from './query-draw.ts'
import { holderOf, rowsOf } from '../batch/quorum.ts'
import { AloneWorld } from '../testing/alone-world.ts'
import { EvmRpc } from '../testing/evm-rpc.ts'
import { VoucherDuty } from './voucher-duty.ts'
import { encodeStore } from '../batch/wire.ts'

const rich = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const epochSeconds = 600
const nodeCount = 8
/** Who is not in the certificate. */
const absent = 6
const utf8 = new TextEncoder()
const clearedTopic = toHex(keccak256(utf8.encode('Cleared(bytes32,uint256)')))

/** Polls until something is there; a test that waits for ever is ended by its own timeout. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

suite('standing duties before the real contracts', { timeout: 120_000 }, () => {
  let rpc: EvmRpc
  let world: AloneWorld
  let folder: string
  let chain: ContractChain
  let payments: PaymentDesk
  let client: ReturnType<typeof httpNodeClient>

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zg-duties-'))
    rpc = await EvmRpc.start(privateKeyToAddress(rich).toLowerCase() as Hex)
    const advance = async (seconds: number): Promise<void> => rpc.advance(seconds)
    const price = 1_000_000n
    const options = { nodeCount, epochSeconds, folder, advance, queryEvery: 1, price }
    world = await AloneWorld.start({ rpc: rpc.url, rich, ...options })
    chain = await world.chain(world.disperserKey)
    client = httpNodeClient(chain.shape)
    payments = new PaymentDesk({
      chain,
      clock: createSystemClock(),
      disperser: addressOfSecretKey(world.disperserKey),
      quotaBytes: 2 ** 30,
      quotaWindowMs: 60_000,
    })
  })

  after(async () => {
    client.close()
    await world.close()
    await rpc.close()
    await rm(folder, { recursive: true })
  })

  const readers = () => {
    const send = async (): Promise<void> => assert.fail('it only reads')
    return openDuties({ rpc: rpc.url, entrance: world.entrance }, { send })
  }
  const balances = () => {
    const asked = createPublicClient({ transport: http(rpc.url) })
    return Promise.all(world.operators.map((address) => asked.getBalance({ address })))
  }

  /** A batch that all members hold, and that all but one have signed the record of. */
  const record = async () => {
    const epoch = (await chain.epochAt(await chain.epoch()))!
    const own = addressOfSecretKey(world.disperserKey)
    const names = { network: 0, epoch: epoch.epoch, quorum: 0, disperser: own, sequence: 0n }
    const quorum = await chain.quorumAt(epoch, 0)
    const coded = await localBatchCoder(chain.shape).code([new Uint8Array(50_000).fill(1)])
    const digest = batchRequestDigest(names, coded.commitment)
    const signature = signPersonal(digest, world.disperserKey)
    const builder = new CertificateBuilder(names, coded, quorum, chain.identity, blsScheme())
    for (const [index, member] of quorum.members.entries()) {
      const ranges = rowsOf(quorum, member).map(({ from, count }) => coded.range(from, count))
      const request = encodeStore({ batch: names, header: coded.header, signature, ranges })
      const { signal } = new AbortController()
      // A node may believe for a moment that the epoch is the former one.
      const { url } = quorum.signers[index]!
      const vote = await until(() => client.store(url, request, signal).catch(() => undefined))
      if (index !== absent) builder.add(index, vote)
    }
    await chain.certify(builder.certificate()!)
    const found = (await chain.recordOf(names))!
    return { batch: names, record: found, ...partsIn(quorum, names, found) }
  }
  /** Who asks whom, by the draw of a block that is not there yet. */
  const partsIn = (quorum: DrawnQuorum, batch: BatchId, { height }: DataRecord) => {
    const draw = queryDrawOf(rpc.hashOf(Number(height) + 1), batch)
    const { codedRows } = chain.shape
    const [askers, holders] = [askingRows, askedRows].map((rows) => {
      return rows(draw, codedRows).map((row) => holderOf(quorum, row))
    })
    return { quorum, askers: askers!, holders: holders! }
  }
  const bitsOf = (holders: readonly number[], member: number): number =>
    holders.reduce((bits, holder, at) => (holder === member ? bits | (1 << at) : bits), 0)

  test('a whole query round by nodes alone: who withholds loses its part, who is wrongly accused clears itself', async () => {
    const { batch, record: found, quorum, askers, holders } = await record()
    // Both hold rows that are asked for; the first of the askers and five voices are left.
    const voicesOf = (pair: readonly number[]): number =>
      askers.filter((asker) => pair.includes(asker)).length
    const able = [...quorum.members.keys()].filter((member) => {
      return member !== absent && member !== askers[0] && bitsOf(holders, member) !== 0
    })
    const [pair] = able
      .flatMap((gone) => able.map((accused): readonly [number, number] => [gone, accused]))
      .filter(([gone, accused]) => gone !== accused)
      .sort((one, other) => voicesOf(one) - voicesOf(other))
    assert.ok(pair !== undefined && voicesOf(pair) <= 2, 'two members can be struck')
    const [gone, accused] = pair
    const places = await balances()
    await world.doors[quorum.members[gone]!.place]!.close()
    world.unreachable.add(quorum.signers[accused]!.url)
    const duties = await readers()
    const query = (is: (query: Query) => boolean) =>
      until(async () => {
        const now = await duties.queryOf(batch)
        return now !== undefined && is(now) ? now : undefined
      })

    assert.equal(await duties.queryOf(batch), undefined)
    // The block by which it is drawn.
    rpc.mine()
    const cleared = await query(({ isDecided, missing }) => {
      return isDecided && missing === bitsOf(holders, gone)
    })
    assert.equal(cleared.isSettled, false)
    const shown = rpc.logsOf(clearedTopic)
    assert.equal(shown.length, holders.filter((holder) => holder === accused).length)
    rpc.advance(90)
    await query(({ isSettled }) => isSettled)

    // What is recorded stays where it is, and nobody is asked for it before it is certain.
    const other = { ...batch, sequence: 99n }
    assert.equal(await chain.finalRecordsOf(batch.epoch, [batch, other]), undefined)
    for (let epoch = 0; epoch < 3; epoch++) rpc.advance(epochSeconds)
    const [own, none] = (await chain.finalRecordsOf(batch.epoch, [batch, other]))!
    assert.deepEqual([own?.commitment, none], [found.commitment, undefined])

    const fee = await chain.feeOf(batch.epoch, found.rowSize)
    const part = fee / BigInt(chain.shape.codedRows)
    const earned = quorum.members.map(({ place, slots }, member) => {
      const isPaid = member !== gone && member !== absent
      const due = isPaid ? part * BigInt(slots) : 0n
      return { place, due }
    })
    await until(async () => {
      const now = await balances()
      return earned.every(({ place, due }) => now[place]! - places[place]! === due) || undefined
    })
    for (const [member, { slots }] of quorum.members.entries()) {
      assert.ok(slots > 0)
      const left = await duties.rewardsOf(quorum.signers[member]!.operator, batch.epoch)
      assert.deepEqual(left, [], 'nobody has anything to claim, and who withheld has nothing')
    }
  })

  test('a voucher is redeemed once it is worth it, and before a withdrawal lets it go', async () => {
    const payerKey = sha256(Uint8Array.of(0x9a))
    const payer = addressOfSecretKey(payerKey)
    const own = addressOfSecretKey(world.disperserKey)
    await world.give(toHex(payer), parseEther('3'))
    const asked = createPublicClient({ transport: http(rpc.url) })
    const keys = { client: asked, rpc: rpc.url, chainId: 1_337 }
    const sender = new ContractSender({ ...keys, secretKey: payerKey })
    const entrance = { address: world.entrance, abi: artifactOf('DataEntrance').abi as Abi }
    await sender.send({ ...entrance, functionName: 'becomePayer', args: [] })
    const value = parseEther('2')
    await sender.send({ ...entrance, functionName: 'deposit', args: [toHex(payer)], value })

    const duties = await openDuties({ rpc: rpc.url, entrance: world.entrance }, chain.sender!)
    const dutyFrom = (fromWei: bigint): VoucherDuty =>
      new VoucherDuty({ chain: duties, payments, log: silentLogger, disperser: own, fromWei })
    const pay = async (total: bigint): Promise<void> => {
      const promise = { payer, disperser: own, total }
      const { r, s, yParity } = signDigest(voucherDigest(chain.vouchers, promise), payerKey)
      const signature = concat(r, s, Uint8Array.of(27 + yParity))
      const by = { voucher: { payer, total, signature }, peer: 'test', request: sha256(signature) }
      await payments.pay(1, 1n, by)
    }
    const redeemed = (): Promise<bigint> => chain.redeemedOf(payer, own)
    const before = (await duties.escrowOf(own)).balance
    await pay(parseEther('0.5'))
    await dutyFrom(parseEther('1')).step()
    assert.equal(await redeemed(), 0n)
    await pay(parseEther('1'))
    await dutyFrom(parseEther('1')).step()
    assert.equal(await redeemed(), parseEther('1'))

    await pay(parseEther('1.5'))
    const leaving = parseEther('0.5')
    await sender.send({ ...entrance, functionName: 'announceWithdrawal', args: [leaving] })
    await dutyFrom(parseEther('1')).step()
    // What stays pays for it.
    assert.equal(await redeemed(), parseEther('1'))
    const all = parseEther('1')
    await sender.send({ ...entrance, functionName: 'announceWithdrawal', args: [all] })
    await dutyFrom(parseEther('1')).step()
    assert.equal(await redeemed(), parseEther('1.5'))
    assert.equal((await duties.escrowOf(own)).balance, before + parseEther('1.5'))
  })

  test('S9: who signs two commitments for one batch is found, reported, and loses its bond', async () => {
    const duties = await openDuties({ rpc: rpc.url, entrance: world.entrance }, chain.sender!)
    const scheme = blsScheme()
    const found: Promise<void>[] = []
    const watch = new EvidenceWatch({
      scheme,
      digestOf: (batch, commitment) => batchDigest(chain.identity, batch, commitment),
      onEvidence: (operator, evidence) => void found.push(duties.report(operator, evidence)),
    })
    const secretKey = world.signingKeyOf(3)
    const disperser = addressOfSecretKey(world.disperserKey)
    const batch = { network: 0, epoch: 7n, quorum: 0, disperser, sequence: 4n }
    for (const fill of [1, 2]) {
      const commitment = new Uint8Array(32).fill(fill)
      const signature = scheme.sign(secretKey, batchDigest(chain.identity, batch, commitment))
      const operator = fromHex(world.operators[3]!)
      watch.see(
        { operator, publicKey: scheme.publicKeyOf(secretKey) },
        { batch, commitment, signature },
      )
    }
    assert.equal(found.length, 1)
    await found[0]
    const slashed = toHex(keccak256(utf8.encode('Slashed(address,uint256,address)')))
    const [log] = rpc.logsOf(slashed)
    assert.equal(log?.topics[1], BigInt(world.operators[3]!))
    assert.equal(BigInt(toHex(log.data.subarray(0, 32))), parseEther('1'))
  })
})
