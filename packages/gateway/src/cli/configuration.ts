/**
 * Loading the configuration for a verb: to run it (a file found in the current directory needs trust, asked on a terminal), or
 * only to look at it.
 */
import { loadConfig, type DetailedConfig, type LoadOptions } from '../config/load.ts';
import { masked } from '../config/describe.ts';
import { configError, ConfigError } from '../config/problems.ts';
import { createTrustStore, type TrustStore } from '../config/trust.ts';
import type { Config, Problem } from '../config/types.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { note, printWarnings } from './output.ts';

/** The configuration for a verb that starts what is in it. `file` beats `--config`. Prints warnings. Throws ConfigError. */
export async function loadToRun(context: CliContext, globals: GlobalOptions, file?: string): Promise<DetailedConfig> {
  const store = await trustStore(context);
  const options = loadOptions(context, globals, file);
  const loaded = await loadConfig({
    ...options,
    confirmTrust: async (path, hash) => {
      if (await store.isTrusted(path, hash)) return true;
      if (!context.isTerminal) return false;
      // What is asked about must be readable first: the same file, checked, without the question.
      const { config, hash: seen } = await loadConfig(options);
      if (seen !== hash) throw new ConfigError(`${path} changed while it was read; run the command again`);
      note(context, `${path} was found in the current directory. It would use:\n${commandLines(config)}`);
      if (!(await context.confirm('Do you trust this configuration?'))) return false;
      await store.trust(path, hash);
      return true;
    },
  });
  await checkPolicy(loaded);
  printWarnings(context, loaded.warnings);
  return loaded;
}

/** The configuration for a verb that starts nothing. Throws ConfigError; prints nothing. */
export async function loadToLook(context: CliContext, globals: GlobalOptions, file?: string): Promise<DetailedConfig> {
  const loaded = await loadConfig(loadOptions(context, globals, file));
  await checkPolicy(loaded);
  return loaded;
}

/** Conditions are compiled as the gateway does it: what it could not use is a problem of the file. */
async function checkPolicy({ config: { policy }, path: file, positionOf }: DetailedConfig): Promise<void> {
  if (policy === undefined) return;
  const { policyProblems } = await import('../policy/index.ts');
  const problems = (await policyProblems(policy)).map(({ message, path }): Problem => {
    const position = positionOf(path);
    return { file, path, message, ...(position !== undefined && { position }) };
  });
  if (problems.length > 0) throw configError(problems);
}

/** Where trust is recorded. */
export async function trustStore({ files }: CliContext): Promise<TrustStore> {
  return createTrustStore(await files.stateDirectory(), { read: files.readState, write: files.writeState });
}

/** What a configuration starts or reaches, a line for each server that is on; secrets masked. */
export function commandLines(config: Config): string {
  const lines = config.servers
    .filter(({ enabled }) => enabled)
    .map(({ name, target }) => {
      if (target.kind !== 'stdio') {
        const view = masked({ mcpServers: { [name]: { url: target.url } } }) as {
          mcpServers: Record<string, { url: string }>;
        };
        return `  ${name}: ${view.mcpServers[name]?.url ?? ''}`;
      }
      const view = masked({ mcpServers: { [name]: { args: target.args } } }) as {
        mcpServers: Record<string, { args: string[] }>;
      };
      const words = [target.command, ...(view.mcpServers[name]?.args ?? [])];
      return `  ${name}: ${words.map(quoted).join(' ')}`;
    });
  return lines.length === 0 ? '  no servers' : lines.join('\n');
}

/** JSON's quoting makes spaces and control characters visible. */
function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word);
}

function loadOptions(context: CliContext, globals: GlobalOptions, file?: string): LoadOptions {
  return { file: file ?? globals.config, env: context.env, cwd: context.cwd, home: context.home, files: context.files };
}
