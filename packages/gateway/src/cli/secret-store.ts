/** The secret store of this state for the verbs, and where a configuration gets `${secret:NAME}` and `${exec:NAME}` from. */
import { createHash } from 'node:crypto';
import type { SecretSource } from '../config/secrets.ts';
import type { FileSecrets } from '../secrets/index.ts';
import type { CliContext } from './context.ts';

/** Nothing is made or opened before it is needed. */
export async function openSecrets(context: CliContext): Promise<FileSecrets> {
  const [{ createFileSecrets }, { deriveKey, openMasterKey, sealing }] = await Promise.all([
    import('../secrets/index.ts'),
    import('../credentials/index.ts'),
  ]);
  const directory = await context.files.stateDirectory();
  return createFileSecrets({
    directory,
    openSealing: async () => sealing(deriveKey(await openMasterKey({ directory, env: context.env }), 'secrets')),
    now: context.now,
  });
}

/**
 * `run`: as the gateway needs them. `look`: no command is started, since looking needs no trust; each output has a stand-in
 * that could be a secret, so that the rest can be checked.
 */
export function secretSource(context: CliContext, how: 'run' | 'look'): (directory: string) => SecretSource {
  return (cwd) => ({
    stored: async (names) => (await openSecrets(context)).read(names),
    run: async (name, argv) => {
      if (how === 'look') return createHash('sha256').update(name).digest('hex');
      const { runSecretCommand } = await import('../secrets/index.ts');
      return await runSecretCommand(argv, { env: context.env, cwd });
    },
  });
}
