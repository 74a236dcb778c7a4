import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'

import { possessionDigest } from '@zg/consensus'
import { artifactOf, keyWords, signatureWords } from '@zg/contracts'
import type { ArtifactName } from '@zg/contracts'
import { testOperator } from '@zg/contracts/testing'
import { startAnvil } from '@zg/evm/testing'
import { blsPublicKeyOf, blsSign, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import { encodeDeployData, encodeFunctionData, getContractAddress } from 'viem'
import type { Abi } from 'viem'

import { Failover } from './failover.ts'
import { JsonRpcEndpoint } from './json-rpc-endpoint.ts'
import { L1Follower } from './l1-follower.ts'
import { ProvedState } from './proved-state.ts'

const networkId = 3
const epochSeconds = 100
/** Looks for a receipt, 10 ms between: anvil makes the block after it has answered. */
const receiptTriesMax = 500
const zeroAddress: Hex = `0x${'00'.repeat(20)}`
const word = (fill: number): Hex => toHex(new Uint8Array(32).fill(fill))

test('a follower proves on anvil what the contracts hold there', async (context) => {
  const anvil = await startAnvil(['--hardfork', 'prague', '--slots-in-an-epoch', '1'])
  if (anvil === undefined) return context.skip('anvil does not run here')
  context.after(() => anvil.close())
  const { rpc } = anvil
  const accounts = (await rpc('eth_accounts', [])) as readonly Hex[]
  // The first account stands for the stake manager, the bridge and governance.
  const [owner, ...operators] = accounts.slice(0, 4) as [Hex, ...Hex[]]
  const send = async (from: Hex, to: Hex | undefined, data: Hex): Promise<Hex> => {
    const call = { from, data, gas: '0xe00000', ...(to === undefined ? {} : { to }) }
    const hash = (await rpc('eth_sendTransaction', [call])) as Hex
    for (let tries = 0; tries < receiptTriesMax; tries++) {
      const found = await rpc('eth_getTransactionReceipt', [hash])
      if (found === null) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        continue
      }
      const receipt = found as { readonly status: Hex; readonly contractAddress: Hex | null }
      assert.equal(receipt.status, '0x1')
      return receipt.contractAddress ?? zeroAddress
    }
    assert.fail('no receipt came')
  }
  const deploy = (name: ArtifactName, args: readonly unknown[]): Promise<Hex> => {
    const { abi, bytecode } = artifactOf(name)
    const code = { abi: abi as Abi, bytecode: toHex(bytecode), args: [...args] }
    return send(owner, undefined, encodeDeployData(code))
  }
  const tell = (from: Hex, to: Hex, name: ArtifactName, call: readonly unknown[]) => {
    const [functionName, ...args] = call as [string, ...unknown[]]
    const abi = artifactOf(name).abi as Abi
    return send(from, to, encodeFunctionData({ abi, functionName, args }))
  }
  const { timestamp } = (await rpc('eth_getBlockByNumber', ['latest', false])) as {
    readonly timestamp: Hex
  }
  const start = BigInt(timestamp) - 10n * BigInt(epochSeconds)
  const values = [1_000, 500, 1, 1, 4, 2, 4]
  const parameters = await deploy('Parameters', [owner, owner, values])
  const registry = getContractAddress({ from: owner, nonce: 2n })
  const clock = [start, epochSeconds, 0]
  const operatorRegistry = await deploy('OperatorRegistry', [...clock, owner, registry])
  const networkRegistry = await deploy('NetworkRegistry', [
    operatorRegistry,
    owner,
    parameters,
    owner,
  ])
  const inbox = await deploy('Inbox', [networkRegistry, owner])
  const endpoint = new JsonRpcEndpoint({ url: anvil.url, inbox: BigInt(inbox) })
  const block = (await endpoint.header(BigInt(String(await rpc('eth_blockNumber', [])))))?.header
  assert.ok(block)
  const { stateRoot, number } = block
  const empty = new ProvedState(new Failover([endpoint]), { number: BigInt(number), stateRoot })
  assert.deepEqual(await empty.read(BigInt(inbox), [0n, 1n]), [0n, 0n], 'without any storage')
  const network = {
    chainId: 1,
    genesisTime: 0,
    earliestEpoch: 12,
    stakeMin: 1,
    operatorsMin: 1,
    genesisHash: word(1),
  }
  await tell(owner, networkRegistry, 'NetworkRegistry', ['open', networkId, network])
  const secretKeys = operators.map((_, index) => testOperator(index + 1).secretKey)
  for (const [index, address] of operators.entries()) {
    const secretKey = secretKeys[index] as Uint8Array
    const publicKey = blsPublicKeyOf(secretKey)
    const digest = possessionDigest({
      l1ChainId: 31_337n,
      registry: fromHex(operatorRegistry),
      operator: fromHex(address),
      publicKey,
    })
    const claim = [keyWords(publicKey), signatureWords(blsSign(secretKey, digest))]
    await tell(address, operatorRegistry, 'OperatorRegistry', ['register', ...claim])
    const weight = 100 + index
    await tell(owner, operatorRegistry, 'OperatorRegistry', ['setWeight', address, weight])
    await tell(address, networkRegistry, 'NetworkRegistry', ['optIn', networkId, 10_000])
  }
  for (const amount of [5, 6, 7]) {
    await tell(owner, inbox, 'Inbox', ['credit', networkId, owner, amount])
  }
  await rpc('evm_increaseTime', [2 * epochSeconds])
  await rpc('anvil_mine', ['0x8'])

  const url = anvil.url
  const contracts = {
    networkRegistry: BigInt(networkRegistry),
    operatorRegistry: BigInt(operatorRegistry),
    inbox: BigInt(inbox),
  }
  const follower = new L1Follower({
    endpoints: [new JsonRpcEndpoint({ url, inbox: contracts.inbox })],
    contracts,
    networkId,
    fromBlock: 0n,
    epochs: { start, length: BigInt(epochSeconds) },
    clock: createSystemClock(),
  })
  await follower.poll()
  const set = follower.validatorSet(12n)
  assert.deepEqual(
    set?.validators.map(({ operator, stake, publicKey }) => [
      toHex(operator),
      stake,
      toHex(publicKey),
    ]),
    operators.map((address, index) => [
      address,
      BigInt(100 + index),
      toHex(blsPublicKeyOf(secretKeys[index] as Uint8Array)),
    ]),
  )
  const reference = follower.newestReference()
  assert.ok(reference !== undefined)
  assert.equal(reference.creditCount, 3n)
  assert.equal(follower.checkReference(reference), 'VALID')
  assert.deepEqual(
    follower.credits(0n, 3n)?.map(({ amountGwei }) => amountGwei),
    [5n, 6n, 7n],
  )
})

test('an endpoint that answers nonsense, too much or nothing is told by a typed error', async (context) => {
  let answer = ''
  let status = 200
  const server = createServer((_request, response) => {
    response.writeHead(status).end(answer)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  context.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const endpoint = new JsonRpcEndpoint({ url: `http://127.0.0.1:${port}`, inbox: 1n })
  const refused = { code: 'STAKING_L1_ENDPOINT' }
  const answers = [
    'null',
    '7',
    '{"result":7}',
    '{"result":null}',
    '{"result":{}}',
    '{"result":{"parentHash":"0x"}}',
    '{"error":{"message":"no"}}',
  ]
  for (const each of answers) {
    answer = each
    await assert.rejects(endpoint.finalHeader(), refused, each)
    await assert.rejects(endpoint.proof(1n, [1n], 1n), refused, each)
  }
  answer = '{"result":[{"topics":[],"data":"0x"}]}'
  const query = { networkId, fromBlock: 0n, toBlock: 1n }
  await assert.rejects(endpoint.credits(query), refused)
  answer = 'no json'
  await assert.rejects(endpoint.finalHeader(), refused)
  answer = ' '.repeat(33 * 1_024 * 1_024)
  await assert.rejects(endpoint.finalHeader(), refused)
  status = 500
  await assert.rejects(endpoint.finalHeader(), refused)
  server.close()
  server.closeAllConnections()
  await assert.rejects(endpoint.finalHeader(), refused)
})

test('credits are asked for over as many blocks at once as the endpoint allows', async (context) => {
  const creditedAt = [3n, 4n, 900n, 12_345n, 25_000n]
  const asked: bigint[] = []
  let blocksMax = 700n
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const [{ fromBlock, toBlock, topics }] = JSON.parse(body).params
    const [from, to] = [BigInt(fromBlock), BigInt(toBlock)]
    asked.push(to - from + 1n)
    if (to - from >= blocksMax) {
      const error = { code: -32_600, message: 'eth_getLogs is limited to a 700 block range' }
      response.end(JSON.stringify({ error }))
      return
    }
    const result = creditedAt.flatMap((block, index) => {
      const words = [...topics, toHex(new Uint8Array(32).fill(index, 31)), word(9)]
      return from <= block && block <= to ? [{ topics: words, data: word(0) }] : []
    })
    response.end(JSON.stringify({ result }))
  }
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  context.after(() => {
    server.close()
    server.closeAllConnections()
  })
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const endpoint = new JsonRpcEndpoint({ url: `http://127.0.0.1:${port}`, inbox: 1n })
  const query = { networkId, fromBlock: 0n, toBlock: 25_000n }
  const credits = await endpoint.credits(query)
  assert.deepEqual(
    credits.map(({ index }) => index),
    [0n, 1n, 2n, 3n, 4n],
  )
  assert.deepEqual(asked.slice(0, 6), [10_000n, 5_000n, 2_500n, 1_250n, 625n, 625n])
  assert.equal(asked.length, 4 + Math.ceil(25_001 / 625), 'what was too much is not tried again')
  // One block that is too much is a failure, not a question for ever.
  blocksMax = 0n
  await assert.rejects(endpoint.credits(query), { code: 'STAKING_L1_ENDPOINT' })
})
