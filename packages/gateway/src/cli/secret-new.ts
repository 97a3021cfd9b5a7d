/** Keeping values that nobody has named yet: under names that no other server of the configuration uses. */
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { openSecrets } from './secret-store.ts';
import { secretUses } from './secret-uses.ts';

export interface NewSecrets {
  /** The name itself, or with a number when another secret has it. Each call takes a name. */
  readonly nameFor: (wanted: string) => string;
  readonly set: (values: ReadonlyMap<string, string>) => Promise<void>;
}

/** Throws where the configuration does not say where secrets are kept. */
export async function newSecrets(context: CliContext, globals: GlobalOptions): Promise<NewSecrets> {
  const { backend, uses } = await secretUses(context, globals);
  if (backend === undefined) {
    throw new CliError(
      'nothing was done: `secrets.backend` of the configuration cannot be read. Mend it first',
      exitCodes.configuration,
    );
  }
  const secrets = await openSecrets(context, backend);
  const taken = new Set([...uses.keys(), ...(await secrets.list()).flatMap(({ name }) => name ?? [])]);
  return {
    nameFor: (wanted) => {
      let name = wanted;
      for (let number = 2; taken.has(name); number += 1) name = `${wanted}_${number}`;
      taken.add(name);
      return name;
    },
    set: async (values) => {
      if (values.size > 0) await secrets.set(values);
    },
  };
}
