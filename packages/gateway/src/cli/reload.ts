/** `sallyport reload`: the running gateway reads its configuration again. What it opens or breaks is not taken over. */
import type { Command } from 'commander';
import { RELOAD_PATH } from '../wiring/admin-endpoints.ts';
import type { ReloadResult } from '../config/reload.ts';
import { formatProblem } from '../config/problems.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note, printResult } from './output.ts';
import { askOwn } from './own-endpoint.ts';
import { findDaemon } from './running.ts';
import { oneLine, plain } from './text.ts';

const NOT_RUNNING = 'no gateway is running: there is nothing to reload. `sallyport start` runs it in the background';

export function register(program: Command, context: CliContext): void {
  program
    .command('reload')
    .summary('let the running gateway read its configuration again')
    .description(
      'The running gateway reads its configuration again. What is not valid, or would open the gateway, is not taken over: the one before it stays in force, exit code 3.',
    )
    .option('--yes', 'take a change over without being asked (`reload: confirm`)', false)
    .action(async ({ yes }: { readonly yes: boolean }, command: Command) => {
      const globals = globalsOf(command, context);
      const record = await findDaemon(context, globals);
      if (record === undefined) throw new CliError(NOT_RUNNING, exitCodes.unreachable);
      const ask = async (body: object): Promise<ReloadResult> =>
        (await askOwn(context, record, RELOAD_PATH, body)) as ReloadResult;
      let result = await ask({});
      if (result.status === 'confirm') {
        await confirmed(context, result.diff, yes);
        result = await ask({ confirm: result.hash });
      }
      const refused = refusalOf(result);
      if (refused === undefined) return printResult(context, globals, result, takenText(result));
      if (globals.json) printResult(context, globals, result, '');
      throw refused;
    });
}

async function confirmed(context: CliContext, diff: readonly string[], yes: boolean): Promise<void> {
  note(context, ['This would change:', ...diff.map((line) => `  ${oneLine(line)}`)].join('\n'));
  if (yes) return;
  if (!context.isTerminal) {
    throw new CliError(
      'nothing was changed: this configuration asks before a reload (`reload: confirm`), and nobody sits at a terminal. `sallyport reload --yes` takes it over',
      exitCodes.refused,
    );
  }
  if (!(await context.confirm('Take it over?'))) throw new CliError('nothing was changed', exitCodes.refused);
}

function refusalOf(result: ReloadResult): CliError | undefined {
  const { status } = result;
  if (status === 'applied' || status === 'unchanged') return undefined;
  if (status === 'confirm') {
    const text = 'nothing was changed: the configuration changed again meanwhile. Run the command again';
    return new CliError(text, exitCodes.configuration);
  }
  const problems = status === 'invalid' ? result.problems.map(formatProblem).join('\n') : '';
  const why = problems === '' ? plain(result.message) : problems;
  const text = `the configuration was not taken over, the one before it is in force:\n${why}`;
  return new CliError(text, exitCodes.configuration);
}

function takenText(result: ReloadResult): string {
  if (result.status !== 'applied') return 'Nothing has changed.';
  return ['Reloaded: the new configuration is in force.', ...result.diff.map((line) => `  ${oneLine(line)}`)].join(
    '\n',
  );
}
