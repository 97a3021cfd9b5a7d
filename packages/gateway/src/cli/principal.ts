/**
 * `sallyport principal disable WHO`: shuts somebody out of this gateway, whatever they can still prove, and whoever issued it;
 * `--undo` lets them in again. A gateway that runs takes it over within a second.
 */
import type { Command } from 'commander';
import { listDisabled, setDisabled } from '../disabled.ts';
import { LOCAL, LOCAL_ISSUER } from '../local.ts';
import { recordsOf } from '../store/records.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { withKeys } from './key-store.ts';
import { printResult } from './output.ts';
import { oneLine } from './text.ts';

const LATER = ['list', 'export', 'forget'];

export function register(program: Command, context: CliContext): void {
  const principal = program
    .command('principal')
    .summary('shut somebody out')
    .description('Shuts somebody out, whatever they can prove: the holder of a key, a token or a certificate.');
  principal
    .command('disable')
    .summary('shut somebody out, or let them in again')
    .argument('<WHO>', 'the name of a key, or ISSUER#SUBJECT as the log says it')
    .option('--undo', 'let them in again', false)
    .action(async (who: string, { undo }: { readonly undo: boolean }, command: Command) => {
      const globals = globalsOf(command, context);
      const named = readPrincipal(who);
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
  for (const name of LATER) {
    principal.command(name, { hidden: true }).action(() => {
      throw new CliError(`\`principal ${name}\` is not available in this version`, exitCodes.configuration);
    });
  }
}

function readPrincipal(who: string): { readonly issuer: string; readonly subject: string } {
  const at = who.indexOf('#');
  const named =
    at === -1 ? { issuer: LOCAL_ISSUER, subject: who } : { issuer: who.slice(0, at), subject: who.slice(at + 1) };
  if (named.issuer === '' || named.subject === '') {
    throw new CliError(`${oneLine(who)}: expected the name of a key, or ISSUER#SUBJECT`, exitCodes.usage);
  }
  if (named.issuer === LOCAL.issuer && named.subject === LOCAL.subject) {
    throw new CliError('the local key is this machine’s own: remove local.key from the state instead', exitCodes.usage);
  }
  return named;
}
