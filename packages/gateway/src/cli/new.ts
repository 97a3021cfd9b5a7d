/** `sallyport new`: what is begun from a template. So far that is a server. */
import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { registerNewServer } from './new-server.ts';

export function register(program: Command, context: CliContext): void {
  const verb = program.command('new').summary('begin a server of your own');
  registerNewServer(verb, context);
}
