import assert from 'node:assert/strict'
import { test } from 'node:test'

import { artifactNames, readArtifact } from './artifacts.ts'
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
  const name = 'EmissionController'
  assert.deepEqual(compile([name]).get(name), readArtifact(name))
})
