/** Deploys Counter through Hardhat's own provider, counts, and prints the count. */

import { artifacts, network } from 'hardhat'

const receiptPolls = 100
const receiptPollMs = 100

const { provider } = await network.connect()
const artifact = await artifacts.readArtifact('Counter')
const [from] = (await provider.request({ method: 'eth_accounts' })) as string[]

const first = '5'.padStart(64, '0')
const deployed = await send({ from, data: artifact.bytecode + first })
const to = deployed.contractAddress
const increment = '0xd09de08a'
const count = '0x06661abd'
await send({ from, to, data: increment })
const result = await provider.request({
  method: 'eth_call',
  params: [{ to, data: count }, 'latest'],
})
console.log(`count ${BigInt(result as string)}`)

async function send(transaction: object): Promise<{ status: string; contractAddress: string }> {
  const hash = await provider.request({ method: 'eth_sendTransaction', params: [transaction] })
  for (let poll = 0; poll < receiptPolls; poll++) {
    const receipt = await provider.request({ method: 'eth_getTransactionReceipt', params: [hash] })
    if (receipt !== null) return receipt as { status: string; contractAddress: string }
    await new Promise((resolve) => setTimeout(resolve, receiptPollMs))
  }
  throw new Error(`no receipt for ${String(hash)}`)
}
