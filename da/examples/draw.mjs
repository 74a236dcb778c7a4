/**
 * Draws a quorum of data availability from the chain alone, as docs/specs/da.md §2 says, and tells
 * whether DataSigners has the same. It shares no code with the rest of the house: anyone could have
 * written it from the specification.
 *
 *     node draw.mjs RPC DATA_ENTRANCE EPOCH QUORUM
 *
 * Prints JSON; exits 1 where they differ, and 2, with a sentence, where nothing can be drawn.
 */

import { createPublicClient, encodePacked, http, keccak256, parseAbi } from 'viem'

const [rpc, entrance, epochText, quorumText] = process.argv.slice(2)
const ticketCount = 512
const placesAtOnce = 256
const quorumsMax = 64n
/** Blocks whose logs are asked for at once, at first. */
const blocksFirst = 10_000n

if (![epochText, quorumText].every((text) => /^\d{1,18}$/.test(text ?? ''))) {
  fail('called as: node draw.mjs RPC DATA_ENTRANCE EPOCH QUORUM')
}
const [epoch, quorum] = [BigInt(epochText), Number(quorumText)]
process.on('uncaughtException', (error) => fail(sentenceOf(error)))

const client = createPublicClient({ transport: http(rpc) })
// What is refused for its width is not asked again as it was.
const logClient = createPublicClient({ transport: http(rpc, { retryCount: 0 }) })
const abi = parseAbi([
  'struct Key { bytes32 a; bytes32 b; bytes32 c; }',
  'struct Number { uint64 newest; uint64 former; uint64 earlier; uint32 newestFrom; uint32 formerFrom; }',
  'struct Signer { address operator; Number votes; Key key; bytes url; }',
  'event VotesSet(uint16 indexed place, address indexed operator, uint64 indexed fromEpoch, uint64 votes)',
  'event QuorumsSet(uint64 indexed fromEpoch, uint64 count)',
  'function signersOf() view returns (address)',
  'function stake() view returns (address)',
  'function epoch() view returns (uint64)',
  'function seedOf(uint64) view returns (bytes32)',
  'function rowCount() view returns (uint256)',
  'function quorumCountOf(uint64 epoch) view returns (uint64)',
  'function placeCount() view returns (uint16)',
  'function placesOf(uint256 from, uint256 to) view returns (Signer[])',
  'function quorumOf(uint64 epoch, uint32 quorum) view returns (uint16[] places, uint16[] slots)',
])
const ask = (address, functionName, args = []) =>
  client.readContract({ address, abi, functionName, args })

const signers = await ask(entrance, 'signersOf')
const stake = await ask(signers, 'stake')
const seed = await ask(stake, 'seedOf', [epoch]).catch((error) => {
  fail(isRevert(error) ? `the seed of epoch ${epoch} is not known` : sentenceOf(error))
})
const rows = await ask(signers, 'rowCount')
const isRecent = epoch + 1n >= (await ask(stake, 'epoch'))
const count = isRecent ? await ask(signers, 'quorumCountOf', [epoch]) : await countByEvents()
if (BigInt(quorum) >= count) fail(`epoch ${epoch} has ${count} quorums, from 0 on`)
const votes = isRecent ? await votesByPlaces() : await votesByEvents()

const active = [...votes].filter(([, own]) => own > 0n).sort(([a], [b]) => a - b)
if (active.length === 0) fail(`nobody has votes in epoch ${epoch}`)
const shares = active.length <= ticketCount ? active : drawTickets(active)
const slots = roundShares(shares.map(([, share]) => share))
const places = shares.map(([place]) => place)
const shift = hash('zg/da/shift', quorum) % rows

const written = await ask(signers, 'quorumOf', [epoch, quorum]).catch((error) => {
  if (!isRevert(error)) throw error
})
const own = JSON.stringify([places, slots])
const isSame = written === undefined ? null : JSON.stringify(written) === own
const drawn = { epoch: String(epoch), quorum, seed, shift: Number(shift), places, slots, isSame }
console.log(JSON.stringify(drawn))
if (isSame === false) process.exitCode = 1

function fail(why) {
  console.error(`draw: ${why}`)
  process.exit(2)
}

/** Without the many lines that viem adds. */
function sentenceOf(error) {
  const { shortMessage = error.message, details = '' } = error
  return `${shortMessage} ${details}`.replaceAll(/\s+/g, ' ').trim()
}

/** Whether it is the contract that says no. */
function isRevert(error) {
  return error.walk?.(({ name }) => name === 'ContractFunctionRevertedError') != null
}

/** H(tag ‖ seed ‖ numbers of four bytes each), as a number. */
function hash(tag, ...numbers) {
  const types = ['string', 'bytes32', ...numbers.map(() => 'uint32')]
  return BigInt(keccak256(encodePacked(types, [tag, seed, ...numbers])))
}

/** Votes by place: in this epoch, the one before it, or the next one. */
async function votesByPlaces() {
  const found = new Map()
  const count = await ask(signers, 'placeCount')
  for (let from = 0; from < count; from += placesAtOnce) {
    const page = await ask(signers, 'placesOf', [BigInt(from), BigInt(from + placesAtOnce)])
    for (const [index, { votes: own }] of page.entries()) {
      const { newest, former, earlier, newestFrom, formerFrom } = own
      const isFormer = epoch >= BigInt(formerFrom)
      const before = isFormer ? former : earlier
      found.set(from + index, epoch >= BigInt(newestFrom) ? newest : before)
    }
  }
  return found
}

/** Votes by place, of any epoch: each place's last change that holds in it. */
async function votesByEvents() {
  const found = new Map()
  for (const { args } of await logsOf('VotesSet')) {
    if (args.fromEpoch <= epoch) found.set(args.place, args.votes)
  }
  return found
}

/** How many quorums an epoch had that is over, or the most there can be where nobody tells any more. */
async function countByEvents() {
  const changes = await logsOf('QuorumsSet')
  const last = changes.findLast(({ args }) => args.fromEpoch <= epoch)
  if (last !== undefined) return last.args.count
  // The contract remembers three numbers.
  return changes.length < 3 ? ask(signers, 'quorumCountOf', [epoch]) : quorumsMax
}

/** All events of a name, the oldest first; of fewer blocks at once where the endpoint refuses. */
async function logsOf(name) {
  const event = abi.find((item) => item.type === 'event' && item.name === name)
  const last = await client.getBlockNumber()
  const found = []
  let [from, blocks] = [0n, blocksFirst]
  while (from <= last) {
    const end = from + blocks - 1n
    const toBlock = end < last ? end : last
    try {
      found.push(
        ...(await logClient.getLogs({ address: signers, event, fromBlock: from, toBlock })),
      )
      from = toBlock + 1n
    } catch (error) {
      if (!isRefusal(error)) throw error
      if (blocks === 1n) fail(`the endpoint answers for no block's logs: ${sentenceOf(error)}`)
      blocks /= 2n
    }
  }
  return found
}

/** Whether the endpoint answers, and says no. */
function isRefusal(error) {
  const isNo = ({ name, status }) => name === 'RpcRequestError' || status !== undefined
  return error.walk?.(isNo) != null
}

/** Of too many places: 512 tickets, each on the place whose stretch of the votes covers it. */
function drawTickets(all) {
  const total = all.reduce((sum, [, own]) => sum + own, 0n)
  const tickets = new Map()
  for (let ticket = 0; ticket < ticketCount; ticket++) {
    let point = hash('zg/da/member', quorum, ticket) % total
    for (const [place, own] of all) {
      if (point < own) {
        tickets.set(place, (tickets.get(place) ?? 0n) + 1n)
        break
      }
      point -= own
    }
  }
  return [...tickets].sort(([a], [b]) => a - b)
}

/** Slots by the largest remainder, lower places first. */
function roundShares(all) {
  const sum = all.reduce((total, share) => total + share, 0n)
  const given = all.map((share) => Number((rows * share) / sum))
  const order = all.map((_, index) => index)
  const remainder = (index) => (rows * all[index]) % sum
  order.sort((a, b) => Number(remainder(b) > remainder(a)) - Number(remainder(b) < remainder(a)))
  const left = Number(rows) - given.reduce((total, count) => total + count, 0)
  for (const index of order.slice(0, left)) given[index] += 1
  return given
}
