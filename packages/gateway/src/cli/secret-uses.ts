/** Where the configuration uses which secrets, and where it wants them kept. It is read but not resolved: a secret that is missing is what is looked for. */
import { isObject } from '@sallyport/wire';
import { draftOf } from '../config/check-text.ts';
import { secretsIn } from '../config/expand.ts';
import { findConfig } from '../config/find.ts';
import { configFormat } from '../config/load.ts';
import { ConfigError } from '../config/problems.ts';
import { backendOf } from '../config/secrets.ts';
import { maxFileBytes } from '../config/source.ts';
import type { SecretBackend } from '../secrets/index.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { note } from './output.ts';

/** What a configuration says of secrets. */
export interface SecretUses {
  /** Dotted paths by the names of `${secret:NAME}`. */
  readonly uses: ReadonlyMap<string, readonly string[]>;
  /** `secrets.backend`; undefined: there is a configuration, but it cannot be read, and that was said. */
  readonly backend: SecretBackend | undefined;
}

export async function secretUses(context: CliContext, globals: GlobalOptions): Promise<SecretUses> {
  const { env, files } = context;
  try {
    const { path } = await findConfig({ ...context, file: globals.config, exists: files.exists });
    const { realPath } = await files.checkTrusted(path);
    const text = new TextDecoder().decode(await files.read(realPath, maxFileBytes));
    const { value, problems } = await draftOf(path, text, configFormat(path));
    if (!isObject(value)) throw new Error(`${path} cannot be read: ${problems[0]?.message ?? 'it is empty'}`);
    const stored = secretsIn(value).filter(({ kind }) => kind === 'secret');
    return {
      uses: new Map(stored.map(({ name, paths }) => [name, paths.map((keys) => keys.join('.'))])),
      backend: backendOf(value['secrets'], { env, files: new Map() }),
    };
  } catch (error) {
    const isNamed = globals.config !== undefined || (env['SALLYPORT_CONFIG'] ?? '') !== '';
    const isMissing = error instanceof ConfigError;
    // That nobody has written one yet is no news.
    if (isNamed || !isMissing) {
      note(
        context,
        `warning: where secrets are used is not known: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    return { uses: new Map(), backend: isMissing ? 'auto' : undefined };
  }
}
