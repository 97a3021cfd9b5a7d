/**
 * `sallyport key hash`: the bcrypt hash of a key, for `auth.keys` of a configuration that others read. The key comes on
 * stdin, where it stands in no list of processes and no history, or is made here.
 */
import { randomBytes } from 'node:crypto';
import { keyTextProblem, loadBcrypt } from '@sallyport/server';
import type { Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note, printResult } from './output.ts';

const MAX_BYTES = 4096;

export function registerHash(key: Command, context: CliContext): void {
  key
    .command('hash')
    .summary('the hash of a key, for `auth.keys` in the configuration')
    .description(
      'Reads a key from stdin and prints its bcrypt hash, for `auth.keys: [{name, hash, roles}]`. Most keys are better made by `key create`: they need no bcrypt and no change of the configuration.',
    )
    .option('--new', 'make a key, and print it before its hash', false)
    .action(async ({ new: isNew }: { readonly new: boolean }, command: Command) => {
      const globals = globalsOf(command, context);
      const text = isNew ? randomBytes(32).toString('base64url') : await readKey(context);
      const problem = keyTextProblem(text);
      if (problem !== undefined) throw new CliError(`the key on stdin: ${problem}`, exitCodes.usage);
      const { hash } = await loadBcrypt();
      const made = await hash(text);
      if (isNew && !globals.json) note(context, 'A key and its hash. The key is not shown again.');
      printResult(
        context,
        globals,
        isNew ? { key: text, hash: made } : { hash: made },
        isNew ? `${text}\n${made}` : made,
      );
    });
}

/** Without the end of its line. */
async function readKey(context: CliContext): Promise<string> {
  if (context.isTerminal) note(context, 'The key, then Enter and Ctrl+D:');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of context.stdin) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new CliError(`stdin: more than ${MAX_BYTES} bytes are no key`, exitCodes.usage);
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
