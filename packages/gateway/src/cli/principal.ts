/**
 * `sallyport principal`: who is known here, what is kept of them, and the end of it. `disable WHO` shuts somebody out of this
 * gateway, whatever they can still prove, and whoever issued it; `--undo` lets them in again. A gateway that runs takes it over
 * within a second.
 */
import type { Command } from 'commander';
import { listDisabled, setDisabled } from '../wiring/disabled.ts';
import type { Named } from '../privacy/index.ts';
import { recordsOf } from '../store/records.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { withKeys } from './key-store.ts';
import { printResult } from './output.ts';
import { registerExport } from './principal-export.ts';
import { registerForget } from './principal-forget.ts';
import { registerList } from './principal-list.ts';
import { isUser, readPrincipal } from './principal-name.ts';
import { oneLine } from './text.ts';

export function register(program: Command, context: CliContext): void {
  const principal = program
    .command('principal')
    .summary('who is known, and what is kept of them')
    .description('Who is known here: lists them, shuts them out, hands out and removes what is kept of them.');
  principal
    .command('disable')
    .summary('shut somebody out, or let them in again')
    .argument('<WHO>', 'the name of a key, or ISSUER#SUBJECT as the log says it')
    .option('--undo', 'let them in again', false)
    .action(async (who: string, { undo }: { readonly undo: boolean }, command: Command) => {
      const globals = globalsOf(command, context);
      const named = othersOnly(who);
      const disabled = await withKeys(context, globals, async ({ audited, store }) => {
        const records = recordsOf(store, 'disabled');
        await audited({ action: undo ? 'principal.enable' : 'principal.disable', target: who }, () =>
          setDisabled(records, named, !undo, context.now()),
        );
        return await listDisabled(records);
      });
      const text = `${oneLine(who)} is ${undo ? 'let in again' : 'shut out: every request is refused, and what is open ends'}`;
      printResult(context, globals, { disabled }, text);
    });
  registerList(principal, context);
  registerExport(principal, context);
  registerForget(principal, context);
}

/** He could shut himself out, and nobody in again. */
function othersOnly(who: string): Named {
  const named = readPrincipal(who);
  if (isUser(named)) {
    throw new CliError('the local key is this machine’s own: remove local.key from the state instead', exitCodes.usage);
  }
  return named;
}
