import { createSystemRng } from './system-rng.ts'
import { testRng } from './testing/index.ts'

testRng('system rng', createSystemRng)
