/**
 * Preloaded (`--import`) into every child: it ends when its supervisor does, however that ended.
 *
 * The supervisor holds one end of an IPC channel. When the supervisor is gone, by Ctrl-C, by a bug
 * or by SIGKILL, the kernel closes that end and the child hears `disconnect`. It then asks itself
 * to stop as any operator would (SIGTERM), and is gone after `leashGraceMs` in any case.
 */

/** Time to close stores and sockets before the exit is forced. */
const leashGraceMs = 2_000

if (process.channel !== undefined && process.channel !== null) {
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), leashGraceMs).unref()
    process.kill(process.pid, 'SIGTERM')
  })
  // The channel alone must not keep a child running that has ended its work.
  process.channel.unref()
}
