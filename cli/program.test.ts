import assert from 'node:assert/strict'
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { commands } from './command-table.ts'
import { completionScript, completionSteps } from './completion.ts'
import { mendedCodes } from './explain.ts'
import { commandsPage } from './help.ts'
import { runLine } from './testing/run-line.ts'

const home = mkdtempSync(join(tmpdir(), 'zg-cli-'))
after(() => rmSync(home, { recursive: true }))

const someone = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

test('every command has a help page with its examples', async () => {
  for (const { path, examples, passThrough } of commands) {
    if (passThrough) continue
    const { exitCode, out } = await runLine([...path.split(' '), '--help'], home)
    assert.equal(exitCode, 0, path)
    for (const { line } of examples) assert.ok(out.includes(`zg ${line}`), `${path}: ${line}`)
  }
})

test('zg without a command lists every noun', async () => {
  const { exitCode, out } = await runLine([], home)
  assert.equal(exitCode, 0)
  for (const { path } of commands) assert.ok(out.includes(path.split(' ')[0]!), path)
})

test('COMMANDS.md is what the table gives', () => {
  const committed = readFileSync(new URL('COMMANDS.md', import.meta.url), 'utf8')
  assert.equal(committed, commandsPage())
})

test('examples of the table are read by the parser', async () => {
  for (const { path, passThrough, examples } of commands) {
    // These would start something; the others fail for want of a world, not of grammar.
    if (passThrough || ['devnet', 'keys new', 'doctor', 'ports'].includes(path)) continue
    for (const { line } of examples) {
      const words = line.split(' > ')[0]!.split(' ')
      const { exitCode, err } = await runLine(words, home)
      assert.notEqual(exitCode, 2, `${line}: ${err}`)
    }
  }
})

/** A mistake, and what its one sentence must say: what, why and the command that mends it. */
const mistakes: [argv: string[], exitCode: number, says: RegExp][] = [
  [['sned'], 2, /unknown command "sned" \(did you mean send\?\); see zg --help/],
  [
    ['send', '--tp', someone],
    2,
    /unknown option "--tp" \(did you mean --to\?\); see zg send --help/,
  ],
  [['chaos', 'kil', 'validator', '2'], 2, /"kil" \(did you mean kill\?\); see zg chaos --help/],
  [
    ['chaos', 'kill', 'validator'],
    2,
    /missing required argument "index"; see zg chaos kill --help/,
  ],
  [
    ['chaos', 'kill', 'node', '2'],
    2,
    /kind "node": it is not validator or da; zg chaos kill --help/,
  ],
  [['devnet', '--validators', '0'], 2, /--validators "0": it is no whole number from 1 to/],
  [['devnet', '--block-time'], 2, /option "--block-time <MS>" argument missing/],
  [
    ['devnet', '--minimal', '--validators', '4'],
    2,
    /--minimal and --validators exclude each other; see zg devnet --help/,
  ],
  [['devnet', '--l1', 'http://127.0.0.1:1', '--seed', 'x'], 2, /--l1 and --seed exclude each/],
  [['devnet', '--minimal', '--l1', 'http://127.0.0.1:1'], 2, /--minimal and --l1 exclude each/],
  [['devnet', '--epoch', '60'], 2, /--epoch goes with --l1; see zg devnet --help/],
  [['devnet', '--l1', '127.0.0.1:8545'], 2, /no http:\/\/ or ws:\/\/ address/],
  [['devnet', '--minimal', '--reset'], 2, /--minimal and --reset exclude each other/],
  [['devnet', '--chain-id', '1337'], 1, /1337: it is the L1's.*choose another number/],
  [['devnet', 'now'], 2, /too many arguments: now; see zg devnet --help/],
  [['send', '--to', `${someone.slice(0, -1)}9`], 2, /checksum is wrong \(EIP-55\)/],
  [['send', '--to', someone, '--value', 'lots'], 2, /no amount such as 1.5, 20gwei or 1wei/],
  [['send', '--value', '1'], 1, /neither a receiver nor data; name one with --to/],
  [['send', '--to', someone], 1, /the world in ".*" does not run; start one with zg devnet/],
  [['send', '--to', someone, '--from', '1', '--key-file', 'k'], 1, /does not run; start one/],
  [['chaos', 'kill', 'validator', '2'], 1, /does not run; start one with zg devnet/],
  [
    ['send', '--to', someone, '--key-file', 'absent', '--rpc', 'http://127.0.0.1:1'],
    1,
    /absent": there is no such file; check the path/,
  ],
  [['account', '--rpc', 'http://127.0.0.1:1'], 1, /Cannot reach http:\/\/127.0.0.1:1/],
  [['block', '--rpc', 'http://127.0.0.1:1'], 1, /Cannot reach http:\/\/127.0.0.1:1.*--rpc/],
  [['block', '--rpc', 'localhost:8545'], 2, /no http:\/\/ or ws:\/\/ address; zg block --help/],
  [['keys', 'show', 'nobody'], 1, /no key has that name.*zg keys list/],
  [['keys', 'new', 'a/b', '--password-file', 'x'], 1, /other characters; use up to 64 letters/],
]

test('every mistake gets one sentence that mends it', async () => {
  for (const [argv, exitCode, says] of mistakes) {
    const told = await runLine(argv, home)
    const line = argv.join(' ')
    assert.match(told.err, says, line)
    assert.equal(told.exitCode, exitCode, line)
    assert.equal(told.err.trimEnd().split('\n').length, 1, line)
    assert.equal(told.out, '', line)
  }
})

test('--json tells a mistake as JSON with its code', async () => {
  const { err, exitCode } = await runLine(['block', 'newest', '--json'], home)
  const told = JSON.parse(err) as { error: { code: string; message: string } }
  assert.equal(told.error.code, 'CLI_VALUE_INVALID')
  assert.match(told.error.message, /block number/)
  assert.equal(exitCode, 2)
})

test('a key file that others may read is refused', async () => {
  const file = join(home, 'open.key')
  writeFileSync(file, `0x${'11'.repeat(32)}`, { mode: 0o644 })
  const flags = ['--key-file', file, '--rpc', 'http://127.0.0.1:1']
  const { err } = await runLine(['send', '--to', someone, ...flags], home)
  assert.match(err, /others may read the file; close it with chmod 600/)
})

test('a key file that holds no key is refused without showing it', async () => {
  const file = join(home, 'bad.key')
  writeFileSync(file, 'hunter2-hunter2', { mode: 0o600 })
  const flags = ['--key-file', file, '--rpc', 'http://127.0.0.1:1']
  const { err } = await runLine(['send', '--to', someone, ...flags], home)
  assert.match(err, /no 32-byte secret key in hex; zg keys new NAME makes a key/)
  assert.ok(!err.includes('hunter2'))
})

test('keys new, list and show keep a key that only its password opens', async () => {
  const passwordFile = join(home, 'password')
  writeFileSync(passwordFile, 'correct horse\n')
  const wrongFile = join(home, 'wrong')
  writeFileSync(wrongFile, 'wrong')
  const made = await runLine(
    ['keys', 'new', 'alice', '--password-file', passwordFile, '--json'],
    home,
  )
  assert.equal(made.exitCode, 0, made.err)
  const alice = JSON.parse(made.out.split('\n')[0]!) as { address: string; path: string }
  assert.equal(statSync(alice.path).mode & 0o777, 0o600)

  const bls = ['keys', 'new', 'validator-9', '--bls', '--password-file', passwordFile]
  assert.equal((await runLine(bls, home)).exitCode, 0)
  const { keys } = JSON.parse((await runLine(['keys', 'list', '--json'], home)).out) as {
    keys: { name: string; kind: string }[]
  }
  assert.deepEqual(
    keys.map(({ name, kind }) => `${name} ${kind}`),
    ['alice account', 'validator-9 validator'],
  )
  for (const name of ['alice', 'validator-9']) {
    const right = await runLine(['keys', 'show', name, '--password-file', passwordFile], home)
    assert.match(right.out, /the password opens it/)
    const wrong = await runLine(['keys', 'show', name, '--password-file', wrongFile], home)
    assert.match(wrong.err, /the password is wrong; try again/)
  }
  const again = await runLine(['keys', 'new', 'alice', '--password-file', passwordFile], home)
  assert.match(again.err, /there is one of that name; choose another name/)
})

test('devnet refuses chains whose world.json is gone, and names the way out', async () => {
  const damaged = mkdtempSync(join(tmpdir(), 'zg-cli-'))
  mkdirSync(join(damaged, 'net-0'))
  writeFileSync(join(damaged, 'version'), '3\n')
  const { exitCode, err } = await runLine(['devnet'], damaged)
  rmSync(damaged, { recursive: true })
  assert.equal(exitCode, 1)
  assert.match(err, /missing beside its chains; make a new world with zg devnet --reset/)
})

test('ports says that it shows a plan while no world runs', async () => {
  const { out } = await runLine(['ports'], home)
  assert.match(out, /what a world would take/)
})

test('ports --json lists every port of a world', async () => {
  const { out } = await runLine(['ports', '--json', '--port-offset', '10000'], home)
  const { ports } = JSON.parse(out) as { ports: { use: string; port: number }[] }
  assert.equal(ports.find(({ use }) => use === 'network 0 rpc')?.port, 18_545)
  assert.equal(ports.find(({ use }) => use === 'da disperser grpc')?.port, 61_001)
  assert.equal(ports.length, 29 + 18)
  const far = await runLine(['ports', '--json', '--no-da', '--port-offset', '30000'], home)
  assert.equal((JSON.parse(far.out) as { ports: unknown[] }).ports.length, 29)
  const { err } = await runLine(['ports', '--port-offset', '30000'], home)
  assert.match(err, /da node 15 would have port 81025; shift by 14510 at most, or .* --no-da/)
})

test('completion offers nouns, verbs, fixed words and flags of each place', () => {
  const steps = new Map(completionSteps().map(({ after, words }) => [after, words]))
  assert.ok(steps.get('')?.includes('devnet'))
  assert.deepEqual(steps.get('chaos'), ['kill', 'pause', 'resume', 'restart', 'equivocate'])
  assert.ok(steps.get('chaos kill')?.includes('validator'))
  assert.ok(steps.get('chaos kill')?.includes('da'))
  assert.deepEqual(steps.get('completion')?.slice(0, 3), ['bash', 'zsh', 'fish'])
  assert.ok(steps.get('devnet')?.includes('--port-offset'))
  for (const shell of ['bash', 'zsh', 'fish']) {
    assert.match(completionScript(shell), /port-offset/)
  }
})

/** Codes that no command line can mend, or whose own message holds the command. */
const unmended = [
  'DEVNET_RPC_FAILED',
  'DEVNET_CONTROL_REFUSED',
  'DEVNET_CONTROL_REQUEST_INVALID',
  // Of bench `growth`, which no command runs.
  'DEVNET_PROCESS_USE_UNREADABLE',
  'DEVNET_COSTS_UNDETERMINED',
]

test('every error code of the doors has its mending half, and no half lacks its code', () => {
  const sources = globSync(['../{cli,devnet}/**/*.ts'], { cwd: import.meta.dirname })
  const codes = new Set<string>()
  for (const path of sources.filter((name) => !name.includes('.test.'))) {
    const text = readFileSync(join(import.meta.dirname, path), 'utf8')
    for (const [, code = ''] of text.matchAll(/super\('((?:CLI|DEVNET)_[A-Z0-9_]+)'/g)) {
      codes.add(code)
    }
  }
  // Of other rooms those that a door tells of.
  const others = ['../staking/*.ts', '../chain/**/*.ts', '../da/{*,*/*}.ts', '../runtime/*.ts']
  const codePattern = /super\('((?:STAKING_L1|CHAIN|DA|RUNTIME)_[A-Z0-9_]+)'/g
  for (const path of globSync(others, { cwd: import.meta.dirname })) {
    const text = readFileSync(join(import.meta.dirname, path), 'utf8')
    for (const [, code = ''] of text.matchAll(codePattern)) {
      if (mendedCodes.includes(code)) codes.add(code)
    }
  }
  codes.delete('CLI_RPC_REFUSED') // the chain's own words say what is wrong
  for (const code of unmended) codes.delete(code)
  assert.deepEqual([...codes].toSorted(), mendedCodes.toSorted())
})
