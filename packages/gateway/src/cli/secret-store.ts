/** The secrets of this state for the verbs, and where a configuration gets `${secret:NAME}` and `${exec:NAME}` from. */
import { createHash, type KeyObject } from 'node:crypto';
import type { SecretSource } from '../config/secrets.ts';
import type { FileSecrets, SecretBackend, SecretCommands, Secrets } from '../secrets/index.ts';
import type { CliContext } from './context.ts';
import { note } from './output.ts';

/** A person may have to type a password for the keychain. */
const KEYCHAIN_MS = 5_000;
const KEYCHAIN_OF_A_PERSON_MS = 60_000;

/** Nothing is made or opened before it is needed. `master`: the key that it is under instead of the one in force. */
export async function openSecretFile(context: CliContext, master?: KeyObject): Promise<FileSecrets> {
  const [{ createFileSecrets }, { deriveKey, openMasterKey, sealing }] = await Promise.all([
    import('../secrets/index.ts'),
    import('../credentials/index.ts'),
  ]);
  const directory = await context.files.stateDirectory();
  return createFileSecrets({
    directory,
    openSealing: async () =>
      sealing(deriveKey(master ?? (await openMasterKey({ directory, env: context.env })), 'secrets')),
    now: context.now,
    say: (text) => note(context, text),
  });
}

/** As `secrets.backend` has it. */
export async function openSecrets(context: CliContext, backend: SecretBackend): Promise<Secrets> {
  const { createKeychain, createSecrets } = await import('../secrets/index.ts');
  const keychain = createKeychain({
    directory: await context.files.stateDirectory(),
    env: context.env,
    platform: context.processes.platform,
    timeoutMs: context.isTerminal ? KEYCHAIN_OF_A_PERSON_MS : KEYCHAIN_MS,
  });
  return createSecrets({ backend, file: await openSecretFile(context), keychain, say: (text) => note(context, text) });
}

/** Commands whose output is kept while this process lives. */
export async function keptCommands(context: CliContext): Promise<SecretCommands> {
  const { createSecretCommands, runSecretCommand } = await import('../secrets/index.ts');
  return createSecretCommands({ run: runSecretCommand, now: context.now });
}

/**
 * With `commands`: as the gateway needs them. Without: no command is started, since looking needs no trust; each output has a
 * stand-in that could be a secret, so that the rest can be checked.
 */
export function secretSource(context: CliContext, commands?: SecretCommands): (directory: string) => SecretSource {
  return (cwd) => ({
    stored: async (names, backend) => (await openSecrets(context, backend)).read(names),
    run: async (name, argv, variables) =>
      commands === undefined
        ? createHash('sha256').update(name).digest('hex')
        : await commands.run(name, argv, { env: context.env, names: variables, cwd }),
  });
}
