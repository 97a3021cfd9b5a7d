/** Where the configuration uses which secrets. It is read but not resolved: a secret that is missing is what is looked for. */
import { draftOf } from '../config/check-text.ts';
import { secretsIn } from '../config/expand.ts';
import { findConfig } from '../config/find.ts';
import { configFormat } from '../config/load.ts';
import { ConfigError } from '../config/problems.ts';
import { maxFileBytes } from '../config/source.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { note } from './output.ts';

/** Dotted paths by the names of `${secret:NAME}`. Empty without a configuration, or with one that cannot be read. */
export async function secretUses(
  context: CliContext,
  globals: GlobalOptions,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { files } = context;
  try {
    const { path } = await findConfig({ ...context, file: globals.config, exists: files.exists });
    const { realPath } = await files.checkTrusted(path);
    const text = new TextDecoder().decode(await files.read(realPath, maxFileBytes));
    const { value, problems } = await draftOf(path, text, configFormat(path));
    if (value === undefined) note(context, `warning: ${path} cannot be read: ${problems[0]?.message ?? 'it is empty'}`);
    const stored = secretsIn(value).filter(({ kind }) => kind === 'secret');
    return new Map(stored.map(({ name, paths }) => [name, paths.map((keys) => keys.join('.'))]));
  } catch (error) {
    const isNamed = globals.config !== undefined || (context.env['SALLYPORT_CONFIG'] ?? '') !== '';
    // That nobody has written one yet is no news.
    if (isNamed || !(error instanceof ConfigError)) {
      note(
        context,
        `warning: where secrets are used is not known: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    return new Map();
  }
}
