/**
 * What the engine asks of the application, and what it hears back.
 *
 * A failure is never an answer about a block: a build that failed is told as such, and a block
 * whose check failed is SYNCING, so that it is asked about again.
 */

import { silentLogger } from '@zg/runtime'

import type { EngineEffect, EngineEvent } from './engine-state.ts'
import { nextMix } from './header.ts'
import type { Signer } from './signer.ts'
import type { ValidatorOptions } from './validator-options.ts'
import { beaconDigest } from './votes.ts'

/** Reveals, and has a payload built for the view. */
export async function buildBlock(
  { application, genesis, parameters, log = silentLogger }: ValidatorOptions,
  signer: Signer,
  { view, draft, parentMix, attributes, mayFill }: Extract<EngineEffect, { kind: 'build' }>,
): Promise<EngineEvent> {
  try {
    const message = beaconDigest(genesis.identity, draft.epoch, draft.height)
    const reveal = await signer.sign(message)
    const budgetMs = mayFill ? parameters.buildBudgetMs : 0
    const payload = await application.buildPayload(attributes, budgetMs)
    const mix = nextMix(parentMix, reveal)
    const header = { ...draft, mix, executionHash: payload.executionHash }
    return { kind: 'built', view, header, reveal, payload: payload.bytes }
  } catch (error) {
    log.error('building a block failed', { view, error })
    return { kind: 'build-failed', view }
  }
}

/** Has the application execute and check a block. */
export async function validateBlock(
  { application, log = silentLogger }: ValidatorOptions,
  { key, attributes, block }: Extract<EngineEffect, { kind: 'validate' }>,
): Promise<EngineEvent> {
  const { executionHash, height } = block.header
  try {
    const payload = { executionHash, bytes: block.payload }
    return {
      kind: 'validated',
      key,
      status: await application.validatePayload(attributes, payload),
    }
  } catch (error) {
    log.error('validating a block failed', { height, error })
    return { kind: 'validated', key, status: 'SYNCING' }
  }
}
