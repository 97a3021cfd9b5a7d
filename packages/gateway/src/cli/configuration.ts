/**
 * Loading the configuration for a verb: to run it (a file found in the current directory needs trust, asked on a terminal), or
 * only to look at it.
 */
import { loadConfig, type DetailedConfig, type LoadOptions } from '../config/load.ts';
import { masked } from '../config/describe.ts';
import { asWritten } from '../config/secrets.ts';
import { configError, ConfigError } from '../config/problems.ts';
import { createTrustStore, type TrustStore } from '../config/trust.ts';
import type { Config, Problem } from '../config/types.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { note, printWarnings } from './output.ts';
import type { SecretCommands } from '../secrets/index.ts';
import { keptCommands, secretSource } from './secret-store.ts';
import { toolProblems } from './tool-check.ts';

/**
 * The configuration for a verb that starts what is in it. `file` beats `--config`. `commands` are those of a process that
 * reads it again later. Prints warnings. Throws ConfigError.
 */
export async function loadToRun(
  context: CliContext,
  globals: GlobalOptions,
  file?: string,
  commands?: SecretCommands,
): Promise<DetailedConfig> {
  const store = await trustStore(context);
  const loaded = await loadConfig({
    ...loadOptions(context, globals, file, commands ?? (await keptCommands(context))),
    confirmTrust: async (path, hash) => {
      if (await store.isTrusted(path, hash)) return true;
      if (!context.isTerminal) return false;
      // What is asked about must be readable first: the same file, checked, without the question.
      const seen = await loadConfig(loadOptions(context, globals, file));
      if (seen.hash !== hash) throw new ConfigError(`${path} changed while it was read; run the command again`);
      note(context, `${path} was found in the current directory. It would use:\n${commandLines(seen)}`);
      if (!(await context.confirm('Do you trust this configuration?'))) return false;
      await store.trust(path, hash);
      return true;
    },
  });
  await checkPolicy(loaded);
  await checkEgress(loaded);
  await checkTools(loaded);
  printWarnings(context, loaded.warnings);
  return loaded;
}

/**
 * What the configuration at `path` would be if these were its bytes, with the secrets that `commands` hand out. Nothing is
 * used of it, so it needs no trust. Throws ConfigError; prints nothing.
 */
export async function loadDraft(
  context: CliContext,
  globals: GlobalOptions,
  path: string,
  draft: { readonly bytes: Uint8Array; readonly commands: SecretCommands },
): Promise<DetailedConfig> {
  const { files } = context;
  let own: string | undefined;
  const drafted: CliContext['files'] = {
    ...files,
    checkTrusted: async (asked) => {
      const found = await files.checkTrusted(asked);
      if (asked === path) own = found.realPath;
      return found;
    },
    read: async (asked, maxBytes) => (asked === own ? draft.bytes : await files.read(asked, maxBytes)),
  };
  const loaded = await loadConfig(loadOptions({ ...context, files: drafted }, globals, path, draft.commands));
  await checkPolicy(loaded);
  await checkEgress(loaded);
  await checkTools(loaded);
  return loaded;
}

/** The configuration for a verb that starts nothing. Throws ConfigError; prints nothing. */
export async function loadToLook(context: CliContext, globals: GlobalOptions, file?: string): Promise<DetailedConfig> {
  const loaded = await loadConfig(loadOptions(context, globals, file));
  await checkPolicy(loaded);
  await checkEgress(loaded);
  await checkTools(loaded);
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

/** As the guard reads it: an entry that it cannot read would open nothing, or stop what it is for. */
async function checkEgress({ config: { egress }, path: file, positionOf }: DetailedConfig): Promise<void> {
  if (egress.allow.length === 0) return;
  const { allowProblem } = await import('@sallyport/client/egress');
  const problems = egress.allow.flatMap((entry, index): Problem[] => {
    const message = allowProblem(entry);
    const path = ['egress', 'allow', index];
    const position = positionOf(path);
    return message === undefined ? [] : [{ file, path, message, ...(position !== undefined && { position }) }];
  });
  if (problems.length > 0) throw configError(problems);
}

async function checkTools(loaded: DetailedConfig): Promise<void> {
  const problems = await toolProblems(loaded);
  if (problems.length > 0) throw configError(problems);
}

/** Where trust is recorded. */
export async function trustStore({ files }: CliContext): Promise<TrustStore> {
  return createTrustStore(await files.stateDirectory(), { read: files.readState, write: files.writeState });
}

/** What a configuration starts or reaches: a line for each command of `secrets.exec`, each server that is on and each interceptor; secrets masked. */
export function commandLines({ config, expanded, secrets }: DetailedConfig): string {
  const servers = asWritten(config.servers, secrets)
    .filter(({ enabled }) => enabled)
    .map(({ name, target }) => {
      if (target.kind === 'openapi') return `  ${name}: ${quoted(target.source ?? target.document)}`;
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
  const lines = [
    ...secretCommands(expanded),
    ...(servers.length === 0 ? ['  no servers'] : servers),
    ...asWritten(config.interceptors, secrets).map(interceptorLine),
  ];
  return lines.join('\n');
}

/** They run or are posted to with every call. */
function interceptorLine({ name, target }: Config['interceptors'][number]): string {
  const [url, args] = target.kind === 'http' ? [target.url, []] : [undefined, target.args];
  const view = masked({ interceptors: [{ ...(url !== undefined && { url }), args }] }) as {
    interceptors: readonly [{ readonly url?: string; readonly args: readonly string[] }];
  };
  const [shown] = view.interceptors;
  const words = target.kind === 'http' ? [shown.url ?? ''] : [target.command, ...shown.args];
  return `  interceptor ${name}: ${words.map(quoted).join(' ')}`;
}

/** They run as soon as the file is used, so they are part of what is trusted. */
function secretCommands(expanded: unknown): string[] {
  const { secrets } = expanded as {
    readonly secrets?: { readonly exec?: Readonly<Record<string, readonly string[]>> };
  };
  return Object.entries(secrets?.exec ?? {}).map(
    ([name, argv]) => `  \${exec:${quoted(name)}}: ${argv.map(quoted).join(' ')}`,
  );
}

/** JSON's quoting makes spaces and control characters visible. */
function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word);
}

function loadOptions(
  context: CliContext,
  globals: GlobalOptions,
  file: string | undefined,
  commands?: SecretCommands,
): LoadOptions {
  const { env, cwd, home, files } = context;
  return { file: file ?? globals.config, env, cwd, home, files, secrets: secretSource(context, commands) };
}
