/** `node contracts/build.ts`: compiles every contract and writes its artifact. */

import { writeFileSync } from 'node:fs'

import { artifactNames, artifactPath } from './artifacts.ts'
import { compile } from './solidity.ts'

for (const [name, artifact] of compile(artifactNames)) {
  writeFileSync(artifactPath(name), `${JSON.stringify(artifact)}\n`)
  console.log(`${name}  ${(artifact.bytecode.length - 2) / 2} bytes`)
}
