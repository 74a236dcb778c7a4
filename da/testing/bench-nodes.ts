/**
 * Some nodes of a bench in a process of their own:
 * `node da/testing/bench-nodes.ts FOLDER NODES QUORUMS FIRST COUNT`. It says where they answer.
 */

import { join } from 'node:path'

import { blsScheme, localSigner } from '@zg/consensus'
import { createNodeDisk, createSystemClock, createSystemRng, silentLogger } from '@zg/runtime'

import { DataNode } from '../node/data-node.ts'
import { openNodeDoor } from '../node/node-door.ts'
import { benchChain, benchShape, benchSigningKey } from './bench-chain.ts'

const [folder = '', ...numbers] = process.argv.slice(2)
const [nodes, quorums, first, count] = numbers.map(Number) as [number, number, number, number]
const clock = createSystemClock()
const log = silentLogger
const chain = benchChain(clock, { nodes, quorums })
const urls: string[] = []
for (let index = first; index < first + count; index++) {
  const node = await DataNode.open({
    chain,
    disk: await createNodeDisk(join(folder, `node-${index}`)),
    clock,
    rng: createSystemRng(),
    log,
    operator: chain.signers[index]!.operator,
    signer: localSigner(blsScheme(), benchSigningKey(index)),
    quotaBytes: 2 ** 33,
  })
  const place = { host: '127.0.0.1', port: 0 }
  const door = await openNodeDoor({ node, shape: benchShape, clock, log, ...place })
  urls.push(door.url)
}
process.once('disconnect', () => process.exit(0))
process.send?.(urls)
