/**
 * `npm run peers [NAME...]`: brings the optional peers of benches into .peers/, each with the tool
 * of its own world. What cannot be brought is said, and its bench goes on without it; docs/peers.md
 * has what came of each.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

const folder = resolve('.peers')

type Peer = { readonly command: readonly [string, ...string[]]; readonly cwd: string }

const peers: Readonly<Record<string, Peer>> = {
  // Built by node-gyp from its source: it has no binaries.
  'c-kzg': {
    command: ['npm', 'install', '--no-audit', '--no-fund', '--prefix', folder, 'c-kzg@4.1.0'],
    cwd: folder,
  },
  'coding-go': {
    command: ['go', 'build', '-o', join(folder, 'coding-go'), '.'],
    cwd: resolve('coding/testing/go-peers'),
  },
}

const asked = process.argv.slice(2)
for (const name of asked.length === 0 ? Object.keys(peers) : asked) {
  const peer = peers[name]
  if (peer === undefined) {
    console.error(`zg: there is no peer "${name}". There are: ${Object.keys(peers).join(' ')}`)
    process.exitCode = 2
    continue
  }
  mkdirSync(folder, { recursive: true })
  const [program, ...args] = peer.command
  const { status, error } = spawnSync(program, args, { cwd: peer.cwd, stdio: 'inherit' })
  const isThere = error === undefined && status === 0
  console.log(isThere ? `✓ ${name}` : `zg: ${name} cannot be brought: ${error?.message ?? status}`)
  if (!isThere) process.exitCode = 1
}
