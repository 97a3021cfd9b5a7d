/**
 * `sallyport key link NAME`: a link that signs a browser in as the holder of a key, who cannot sign in at a provider. It is good
 * once, for two minutes, at the gateway of this state; whoever runs this may do so because they may read the state.
 */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { createAddress } from '../wiring/address.ts';
import { LOCAL, LOCAL_ISSUER } from '../wiring/local.ts';
import { recordsOf } from '../store/records.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { noSuchKey, withKeys, type OpenKeys } from './key-store.ts';
import { timeText } from './key-words.ts';
import { note, printResult } from './output.ts';

export function registerLink(key: Command, context: CliContext): void {
  key
    .command('link')
    .summary('sign a browser in as the holder of a key')
    .description(
      'Prints a link that is good once, for two minutes: whoever opens it is NAME at that browser. For keys whose holders cannot sign in at a provider.',
    )
    .argument('<NAME>', 'the holder: a key of the store or of the configuration, or `local`')
    .action(async (name: string, _options: unknown, command: Command) => {
      const globals = globalsOf(command, context);
      const { createOneTimeCodes } = await import('@sallyport/server/browser');
      const made = await withKeys(context, globals, async (open) => {
        const { config, store } = open;
        const hasPages = config?.auth.oidc !== undefined || config?.servers.some(({ oauth }) => oauth !== undefined);
        if (config === undefined || hasPages !== true) {
          const text =
            'there are no pages to sign in at: they come with `auth.oidc`, and with remote servers that want a login';
          throw new CliError(text, exitCodes.configuration);
        }
        const codes = createOneTimeCodes({
          records: recordsOf(store, 'browser'),
          now: context.now,
          random: randomBytes,
        });
        const roles = await rolesOf(name, open);
        const { path, expiresAtMs } = await codes.create({ issuer: LOCAL_ISSUER, subject: name, roles });
        const [base = ''] = createAddress(config.listen).bases();
        return { link: new URL(path, base).href, expires: timeText(expiresAtMs) };
      });
      if (!globals.json) note(context, `Whoever opens this within two minutes is ${name} at that browser, once.`);
      printResult(context, globals, made, made.link);
    });
}

async function rolesOf(name: string, open: OpenKeys): Promise<readonly string[]> {
  if (name === LOCAL.subject) return LOCAL.roles;
  const { config, keys } = open;
  const all = await keys.list();
  const found = config?.auth.keys.find((each) => each.name === name) ?? all.find((each) => each.name === name);
  if (found === undefined) throw await noSuchKey(open, name);
  return found.roles;
}
