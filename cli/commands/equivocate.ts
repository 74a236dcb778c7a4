/**
 * `zg chaos equivocate`: has a validator of the running world sign two finality votes of one height,
 * as a stolen key would, and reports it to L1 from an account of one's own.
 *
 * Nothing is simulated: stake is cut and burned, the reporter is paid, and from the epoch after the
 * next on the operator weighs nothing on any network, for ever.
 */

import { equivocate } from '@zg/devnet'
import { toHex } from '@zg/primitives'
import { readOperators, slashingOrder } from '@zg/sdk'

import type { CommandInput } from '../command.ts'
import { networkOf, requireWorld } from '../endpoint.ts'
import { carryOut, signerOf } from '../signing.ts'
import { findStake, viewOf } from '../stake-site.ts'
