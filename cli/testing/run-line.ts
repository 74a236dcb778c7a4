/** Streams that remember, for tests of the command line. */

import { runProgram } from '../program.ts'

/** A stream that keeps what was written; no terminal unless told. */
export class TextStream {
  readonly isTTY: boolean
  readonly columns = 100
  text = ''

  constructor(options: { isTTY: boolean } = { isTTY: false }) {
    this.isTTY = options.isTTY
  }

  write(text: string): boolean {
    this.text += text
    return true
  }
}

/** Runs one command line in `home`, with nothing of this process's environment. */
export async function runLine(
  argv: readonly string[],
  home: string,
): Promise<{ exitCode: number; out: string; err: string }> {
  const out = new TextStream()
  const err = new TextStream()
  const exitCode = await runProgram({
    argv,
    env: { ZG_HOME: home },
    workingDir: home,
    program: 'zg',
    out,
    err,
  })
  return { exitCode, out: out.text, err: err.text }
}
