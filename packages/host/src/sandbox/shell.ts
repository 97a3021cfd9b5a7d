/** How a shell is given a script of ours. */

/**
 * What stands before the script. Where its stdin is a socket, as under Node, bash believes that it was started over the network
 * and runs ~/.bashrc first, as this user and outside of any sandbox.
 */
export function shellArgs(shell: string): readonly string[] {
  return shell.endsWith('/bash') ? ['--norc', '-c'] : ['-c'];
}
