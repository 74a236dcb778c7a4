import assert from 'node:assert/strict'
import { test } from 'node:test'

import { artifactNames, artifactOf, readArtifact } from './artifacts.ts'
import type { ArtifactName } from './artifacts.ts'
import { compile, sourceHashOf } from './solidity.ts'

test('artifacts are those of the sources: run node contracts/build.ts after a change', () => {
  const changed = artifactNames.filter(
    (name) => readArtifact(name).sourceHash !== sourceHashOf(name),
  )
  for (const [name, artifact] of changed.length === 0 ? [] : compile(changed)) {
    assert.deepEqual(readArtifact(name), artifact, name)
  }
})

test('the compiler gives the same bytes again: those of one contract stand for all', () => {
  const name = 'Parameters'
  assert.deepEqual(compile([name]).get(name), readArtifact(name))
})

/** What decides over stake and over the tokens of networks. */
const immutable: readonly ArtifactName[] = [
  'AlignmentPool',
  'FinalityOracle',
  'Inbox',
  'NetworkRegistry',
  'OperatorRegistry',
  'RewardBridge',
  'SlashingManager',
  'StakeManager',
  'ZgToken',
]

test('what decides over stake has no owner, and no code but its own runs in its place', () => {
  const [callCode, delegateCall] = [0xf2, 0xf4]
  for (const name of immutable) {
    const functions = (artifactOf(name).abi as readonly { type: string; name?: string }[]).flatMap(
      (item) => (item.type === 'function' ? (item.name ?? []) : []),
    )
    const ofOwners = /^(owner|.*(Ownership|Admin|Upgrade|Implementation|Initialize).*)$/i
    const named = functions.filter((each) => ofOwners.test(each))
    assert.deepEqual(named, [], name)
    const opcodes = opcodesOf(artifactOf(name).bytecode)
    assert.ok(!opcodes.has(callCode) && !opcodes.has(delegateCall), name)
  }
})

/** The opcodes of init and runtime code, without what PUSH carries. */
function opcodesOf(bytecode: Uint8Array): ReadonlySet<number> {
  const opcodes = new Set<number>()
  for (let at = 0; at < bytecode.length; at++) {
    const opcode = bytecode[at] as number
    opcodes.add(opcode)
    const isPush = opcode >= 0x60 && opcode <= 0x7f
    if (isPush) at += opcode - 0x5f
  }
  return opcodes
}
