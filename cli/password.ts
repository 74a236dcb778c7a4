/**
 * Passwords: from a file, or typed on a terminal without being shown. Never from a flag or a plain
 * environment variable, where other processes could read them.
 */

import { readFileSync } from 'node:fs'

import { ZgError } from '@zg/primitives'

/** The longest password read, in bytes. */
export const passwordSizeMaxBytes = 1_024

/** A terminal to ask on. */
export type Terminal = {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WritableStream
}

/**
 * Returns the password in `file`, or the one typed.
 *
 * @param options.twice - Ask twice and compare: for a new key.
 * @throws {PasswordMissingError} `CLI_PASSWORD_MISSING` without file and terminal, or when empty.
 */
export async function readPassword(options: {
  file: string | undefined
  terminal: Terminal
  what: string
  twice?: boolean
}): Promise<string> {
  const { file, terminal, what, twice = false } = options
  if (file !== undefined) return passwordOfFile(file)
  if (terminal.input.isTTY !== true) {
    throw new PasswordMissingError('there is no terminal to ask on')
  }
  const password = await ask(terminal, `Password for ${what}: `)
  if (password === '') throw new PasswordMissingError('it is empty')
  if (twice && (await ask(terminal, 'Once more: ')) !== password) {
    throw new PasswordMissingError('the two differ')
  }
  return password
}

function passwordOfFile(file: string): string {
  const bytes = readFileSync(file)
  if (bytes.length > passwordSizeMaxBytes) throw new PasswordMissingError('the file is too long')
  // Editors end the line; nobody means the line's end.
  const password = bytes.toString('utf8').replace(/\r?\n$/, '')
  if (password === '') throw new PasswordMissingError('the file is empty')
  return password
}

function ask({ input, output }: Terminal, prompt: string): Promise<string> {
  output.write(prompt)
  input.setRawMode(true)
  input.setEncoding('utf8')
  input.resume()
  return new Promise((resolve, reject) => {
    let typed = ''
    const end = (finish: () => void): void => {
      input.off('data', onData)
      input.setRawMode(false)
      input.pause()
      output.write('\n')
      finish()
    }
    const onData = (chunk: string): void => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n') return end(() => resolve(typed))
        if (character === '\u0003') return end(() => reject(new PasswordMissingError('Ctrl-C')))
        if (character === '\u007f' || character === '\b') typed = typed.slice(0, -1)
        else if (typed.length < passwordSizeMaxBytes) typed += character
      }
    }
    input.on('data', onData)
  })
}

export class PasswordMissingError extends ZgError<'CLI_PASSWORD_MISSING'> {
  constructor(problem: string) {
    super('CLI_PASSWORD_MISSING', `Cannot read the password: ${problem}`, { problem })
  }
}
