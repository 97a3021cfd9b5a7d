/** `sallyport logout SERVER`: the token for a server is revoked and removed: this machine's user's, or the gateway's where it serves all. */
import type { Command } from 'commander';
import { LOGOUT_PATH } from '../wiring/admin-endpoints.ts';
import type { LogoutAnswer } from '../logins/acts.ts';
import { withGateway } from './connection.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note, printResult } from './output.ts';
import { oneLine } from './text.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('logout')
    .summary('log out of a server')
    .description('Revokes the token for a remote server at its authorization server, and removes it here in any case.')
    .argument('<SERVER>', 'the name of the server in the configuration')
    .action(async (server: string, _options: unknown, command: Command) => {
      const globals = globalsOf(command, context);
      await withGateway(
        context,
        globals,
        async (gateway) => {
          const answer = (await gateway.post(LOGOUT_PATH, { server })) as LogoutAnswer;
          if ('message' in answer) {
            const code = answer.status === 'refused' ? exitCodes.failed : exitCodes.configuration;
            throw new CliError(oneLine(answer.message), code);
          }
          if (answer.status === 'removed') note(context, NOT_TOLD);
          printResult(context, globals, { server, ...answer }, TEXTS[answer.status](oneLine(server)));
        },
        { server },
      );
    });
}

const NOT_TOLD =
  'warning: the authorization server could not be told, or knows no revocation: there the token may be good until it expires';

const TEXTS: Readonly<Record<'nothing' | 'removed' | 'revoked', (server: string) => string>> = {
  nothing: (server) => `Nobody was logged in at ${server}.`,
  removed: (server) => `Logged out of ${server}: the token is removed here.`,
  revoked: (server) => `Logged out of ${server}: the token is revoked and removed.`,
};
