/**
 * A Hardhat 3 project as a developer keeps one, with the network given by the environment.
 *
 * The compiler is solc-js from `node_modules` (Hardhat would fetch one otherwise).
 */

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

import { defineConfig } from 'hardhat/config'

const { ZG_RPC = '', ZG_KEY = '', ZG_OUT = 'out' } = process.env
// Hardhat takes the folder of the nearest package.json for the project's.
const sources = fileURLToPath(new URL('contracts', import.meta.url))
const require = createRequire(import.meta.url)

// Hardhat reads its configuration from the default export.
// oxlint-disable-next-line import/no-default-export
export default defineConfig({
  solidity: {
    compilers: [{ version: '0.8.37', path: require.resolve('solc/soljson.js') }],
  },
  paths: { sources, artifacts: `${ZG_OUT}/artifacts`, cache: `${ZG_OUT}/cache` },
  networks: { local: { type: 'http', url: ZG_RPC, accounts: [ZG_KEY] } },
})
