import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'

import type { DevnetFile } from '@zg/devnet'

import { runLine } from './testing/run-line.ts'

const entry = new URL('main.ts', import.meta.url).pathname
const portOffset = 22_000

const someone = '0x000000000000000000000000000000000000dEaD'

/** Runs a command with `--json` and returns what it printed. */
async function ask(argv: readonly string[], home: string): Promise<Record<string, unknown>> {
  const { exitCode, out, err } = await runLine([...argv, '--json'], home)
  assert.equal(exitCode, 0, `${argv.join(' ')}: ${err}${out}`)
  return JSON.parse(out) as Record<string, unknown>
}

suite('zg against a minimal world', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'zg-cli-e2e-'))
  const squatter = createServer()
  let file: DevnetFile
  let end: () => Promise<void>
  const moved: unknown[] = []

  before(async () => {
    await new Promise<void>((resolve) => {
      squatter.listen(8545 + portOffset, '127.0.0.1', resolve)
    })
    const flags = ['devnet', '--minimal', '--json', '--port-offset', String(portOffset)]
    const world = spawn(process.execPath, [entry, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ZG_HOME: home },
    })
    const exited = new Promise<void>((resolve) => world.once('exit', () => resolve()))
    end = async () => {
      world.kill('SIGTERM')
      await exited
    }
    file = await new Promise<DevnetFile>((resolve, reject) => {
      void exited.then(() => reject(new Error('the world ended before it was ready')))
      createInterface({ input: world.stdout }).on('line', (text) => {
        const line = JSON.parse(text) as { event: string; devnet: DevnetFile }
        if (line.event === 'port-moved') moved.push(line)
        if (line.event === 'ready') resolve(line.devnet)
      })
    })
  })

  after(async () => {
    await end()
    squatter.close()
    rmSync(home, { recursive: true })
  })

  test('a busy port moved to the next free one, and it was said', () => {
    const [first] = moved as [{ use: string; wanted: number; port: number }]
    assert.equal(first.use, 'network 0 rpc')
    assert.equal(first.wanted, 8545 + portOffset)
    assert.equal(file.networks[0]?.rpc, `http://127.0.0.1:${first.port}`)
  })

  test('send moves tokens and waits until they are there', async () => {
    const sent = await ask(['send', '--to', someone, '--value', '1.5', '--from', '3'], home)
    assert.equal(sent['status'], 'success')
    assert.equal(sent['from'], file.accounts[3]?.address)
    const account = await ask(['account', someone], home)
    assert.equal(account['balanceWei'], '1500000000000000000')
    const people = await runLine(['account', someone], home)
    assert.match(people.out, /balance {3}1\.5\n/)
  })

  test('send deploys creation code', async () => {
    // PUSH1 01 PUSH0 RETURN: one byte of zero as runtime code.
    const sent = await ask(['send', '--data', '0x60015ff3'], home)
    const account = await ask(['account', String(sent['contractAddress'])], home)
    assert.equal(account['codeSizeBytes'], 1)
  })

  test('send signs with a keystore and with a key file of the user', async () => {
    const passwordFile = join(home, 'password')
    writeFileSync(passwordFile, 'correct horse')
    const made = await ask(['keys', 'new', 'alice', '--password-file', passwordFile], home)
    const address = String(made['address'])
    const signer = ['--keystore', 'alice', '--password-file', passwordFile]
    const poor = await runLine(['send', '--to', someone, '--value', '1', ...signer], home)
    assert.match(poor.err, /it holds nothing; zg account lists the funded ones/)

    await ask(['send', '--to', address, '--value', '2'], home)
    const sent = await ask(['send', '--to', someone, '--value', '1', ...signer], home)
    assert.equal(sent['from'], address)

    const keyFile = join(home, 'key')
    writeFileSync(keyFile, `${file.accounts[4]?.privateKey}\n`, { mode: 0o600 })
    const byFile = await ask(
      ['send', '--to', someone, '--value', '1wei', '--key-file', keyFile],
      home,
    )
    assert.equal(byFile['from'], file.accounts[4]?.address)
  })

  test('send refuses two signers, and more than there is', async () => {
    const two = await runLine(['send', '--to', someone, '--from', '1', '--keystore', 'alice'], home)
    assert.match(two.err, /exclude each other; see zg send --help/)
    const much = await runLine(['send', '--to', someone, '--value', '1000000'], home)
    assert.match(much.err, /Cannot send 1,000,000 from 0x.*: it holds 9,9/)
  })

  test('send tells why a call would fail', async () => {
    // PUSH0 PUSH0 REVERT as creation code.
    const { err, exitCode } = await runLine(['send', '--data', '0x5f5ffd'], home)
    assert.match(err, /^zg: Cannot do it: http.* answered ".*revert/)
    assert.equal(exitCode, 1)
  })

  test('block shows the newest block, one by number, one by hash', async () => {
    const latest = (await ask(['block'], home))['block'] as { number: string; hash: string }
    const byHash = (await ask(['block', latest.hash], home))['block'] as { number: string }
    assert.equal(byHash.number, latest.number)
    const genesis = (await ask(['block', '0'], home))['block'] as { hash: string }
    assert.equal(genesis.hash, file.networks[0]?.genesisHash)
    const unknown = await runLine(['block', '999999999'], home)
    assert.match(unknown.err, /has none of that name; zg block latest shows the newest/)
  })

  test('account lists the development accounts', async () => {
    const { accounts } = (await ask(['account'], home)) as { accounts: unknown[] }
    assert.equal(accounts.length, 10)
    const people = await runLine(['account'], home)
    assert.match(people.out, /DEV ONLY/)
    assert.ok(!people.out.includes(String(file.accounts[0]?.privateKey)))
  })

  test('doctor finds the world well', async () => {
    const { isWell, checks } = (await ask(['doctor'], home)) as {
      isWell: boolean
      checks: { name: string; says: string }[]
    }
    assert.ok(isWell, JSON.stringify(checks))
    assert.match(checks.find(({ name }) => name === 'net-0/val-0')?.says ?? '', /height \d+/)
  })

  test('what a minimal world has not is said', async () => {
    const l1 = await runLine(['block', '--l1'], home)
    assert.match(l1.err, /a minimal world has no L1; start the whole world with zg devnet/)
    const ninth = await runLine(['chaos', 'kill', 'validator', '9'], home)
    assert.match(ninth.err, /Cannot find net-0\/val-9.*zg doctor lists the parts/)
  })

  test('a second world in the same directory is refused', async () => {
    const { err, exitCode } = await runLine(['devnet', '--minimal'], home)
    assert.match(err, /process \d+ runs one there; use that one \(zg doctor\)/)
    assert.equal(exitCode, 1)
  })

  test('no log holds a key of the world', () => {
    const keys = file.accounts.map(({ privateKey }) => privateKey.slice(2))
    const logs = readdirSync(join(home, 'logs')).map((name) => join(home, 'logs', name))
    assert.ok(logs.length > 0)
    for (const path of logs) {
      const text = readFileSync(path, 'utf8')
      assert.notEqual(text, '', path)
      for (const key of keys) assert.ok(!text.includes(key), path)
    }
  })
})
