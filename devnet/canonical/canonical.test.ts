import assert from 'node:assert/strict'
import { test } from 'node:test'

import { keccak256, toHex } from '@zg/primitives'

import { canonicalContracts, placeCanonicalContracts, setImmutables } from './canonical.ts'
import { contractsOfInstalledPackages } from './generate.ts'

/** EXTCODEHASH at the canonical address on Ethereum mainnet, chain id 1. */
const mainnetCodeHashes = {
  Create2Deployer: '0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989',
  EntryPointV07: '0x8db5ff695839d655407cc8490bb7a5d82337a86a6b39c3f0258aa6c3b582fc58',
  EntryPointV08: '0x44e632a24c6f2600cbd5b5b8b4c2d372359112c8b5774297f5fd0a9e64f11f86',
  Permit2: '0xc67d1657868aa5146eaf24fb879fb1fdec3d2d493b3683a61c9c2f4fb2851131',
  SenderCreatorV08: '0xc69a1b3a000d570bc86eb096ee63a9014a17951ad616d720882ec61432b00fcf',
}

test('contracts.json is what the installed packages give', async () => {
  for (const contract of await contractsOfInstalledPackages()) {
    const committed = canonicalContracts.find(({ name }) => name === contract.name)
    assert.deepEqual(committed, contract)
  }
})

test('setImmutables gives mainnet its own code on chain 1', () => {
  for (const [name, codeHash] of Object.entries(mainnetCodeHashes)) {
    const contract = canonicalContracts.find((candidate) => candidate.name === name)
    assert.ok(contract, name)
    assert.equal(toHex(keccak256(setImmutables(contract, 1))), codeHash, name)
  }
})

test('placeCanonicalContracts writes the chain id where the constructor would', () => {
  const here = placeCanonicalContracts(1660200)
  const there = placeCanonicalContracts(1660201)
  const different = here.filter(({ code }, index) => toHex(code) !== toHex(there[index]!.code))
  assert.deepEqual(
    different.map(({ name }) => name),
    ['EntryPointV08', 'Permit2'],
  )
})
