/**
 * Draws a quorum of data availability from the chain alone, as docs/specs/da.md §2 says, and tells
 * whether DataSigners has the same. It shares no code with the rest of the house: anyone could have
 * written it from the specification.
 *
 *     node draw.mjs RPC DATA_ENTRANCE EPOCH QUORUM      prints JSON; exits 1 where they differ
 */

import { createPublicClient, encodePacked, http, keccak256, parseAbi } from 'viem'

const [rpc, entrance, epochText, quorumText] = process.argv.slice(2)
const [epoch, quorum] = [BigInt(epochText), Number(quorumText)]
const ticketCount = 512
const placesAtOnce = 256

const client = createPublicClient({ transport: http(rpc) })
const abi = parseAbi([
  'struct Key { bytes32 a; bytes32 b; bytes32 c; }',
  'struct Number { uint64 newest; uint64 former; uint64 earlier; uint32 newestFrom; uint32 formerFrom; }',
  'struct Signer { address operator; Number votes; Key key; bytes url; }',
  'event VotesSet(uint16 indexed place, address indexed operator, uint64 indexed fromEpoch, uint64 votes)',
  'function signersOf() view returns (address)',
  'function stake() view returns (address)',
  'function epoch() view returns (uint64)',
  'function seedOf(uint64) view returns (bytes32)',
  'function rowCount() view returns (uint256)',
  'function placeCount() view returns (uint16)',
  'function placesOf(uint256 from, uint256 to) view returns (Signer[])',
  'function quorumOf(uint64 epoch, uint32 quorum) view returns (uint16[] places, uint16[] slots)',
])
const ask = (address, functionName, args = []) =>
  client.readContract({ address, abi, functionName, args })

const signers = await ask(entrance, 'signersOf')
const stake = await ask(signers, 'stake')
const seed = await ask(stake, 'seedOf', [epoch])
const rows = await ask(signers, 'rowCount')
const isRecent = epoch + 1n >= (await ask(stake, 'epoch'))
const votes = isRecent ? await votesByPlaces() : await votesByEvents()

const active = [...votes].filter(([, own]) => own > 0n).sort(([a], [b]) => a - b)
const shares = active.length <= ticketCount ? active : drawTickets(active)
const slots = roundShares(shares.map(([, share]) => share))
const places = shares.map(([place]) => place)
const shift = hash('zg/da/shift', quorum) % rows

const written = await ask(signers, 'quorumOf', [epoch, quorum]).catch(() => undefined)
const own = JSON.stringify([places, slots])
const isSame = written === undefined ? null : JSON.stringify(written) === own
const drawn = { epoch: String(epoch), quorum, seed, shift: Number(shift), places, slots, isSame }
console.log(JSON.stringify(drawn))
if (isSame === false) process.exitCode = 1

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
  const last = await client.getBlockNumber()
  for (let from = 0n; from <= last; from += 10_000n) {
    const logs = await client.getLogs({
      address: signers,
      event: abi.find(({ name }) => name === 'VotesSet'),
      fromBlock: from,
      toBlock: from + 9_999n < last ? from + 9_999n : last,
    })
    for (const { args } of logs) {
      if (args.fromEpoch <= epoch) found.set(args.place, args.votes)
    }
  }
  return found
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
