import { createSystemClock } from './system-clock.ts'
import { testClock } from './testing/index.ts'

testClock('system clock', () => ({
  clock: createSystemClock(),
  async until(condition) {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve))
  },
}))
