import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { mendVotesFileName, nodeConfigFileName } from '@zg/chain'

import { mendVotes } from './mend-votes.ts'

const l1 = `
[l1]
endpoints = ["http://127.0.0.1:8535"]
firstEpoch = 2
epochStart = 1000
epochSeconds = 30
fromBlock = 0
[l1.contracts]
NetworkRegistry = "0x${'01'.repeat(20)}"
OperatorRegistry = "0x${'02'.repeat(20)}"
Inbox = "0x${'03'.repeat(20)}"
FinalityOracle = "0x${'05'.repeat(20)}"
Streams = "0x${'04'.repeat(20)}"
`

const validator = `
[keys]
keystore = "bls.json"
password = "bls.password"
[rpc]
port = 8550
[p2p]
port = 26656
`

test('mendVotes writes the second epoch after the present one into the folder of a validator', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zg-mend-votes-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const configure = (text: string): void => writeFileSync(join(folder, nodeConfigFileName), text)
  const code = 'DEVNET_NODE_FOLDER_UNFIT'
  assert.throws(() => mendVotes(folder, 0), { code })
  configure(`mode = "open"\n[rpc]\nport = 1\n[open]\nport = 2\n${l1}`)
  assert.throws(() => mendVotes(folder, 0), { code, message: /has no vote/ })
  configure(validator)
  assert.throws(() => mendVotes(folder, 0), { code, message: /has no epochs/ })
  configure(`${validator}${l1}`)
  assert.deepEqual(mendVotes(folder, 1_100_500), { voteFromEpoch: 5n, waitSeconds: 50 })
  assert.equal(readFileSync(join(folder, mendVotesFileName), 'utf8'), '5\n')
})
