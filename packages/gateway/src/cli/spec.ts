/**
 * `sallyport spec`: the specification server for a project, on stdin and stdout or over HTTP; `sallyport spec install` puts it into an
 * editor. The package is loaded here and nowhere else, when the verb is used.
 */
import { resolve } from 'node:path';
import type { HttpFace, ServingSpec } from '@sallyport/spec';
import type { Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { printResult } from './output.ts';

interface SpecOptions {
  readonly workspace: readonly string[];
  readonly http: boolean;
  readonly host?: string;
  readonly port?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly behindProxy: boolean;
  readonly allowConfig: boolean;
}

const collect = (folder: string, folders: readonly string[]): readonly string[] => [...folders, folder];

export function register(program: Command, context: CliContext): void {
  const spec = program
    .command('spec')
    .summary('work by specification: constitution, plan and tasks as files')
    .description(
      'An MCP server for one project: it keeps specification, plan and tasks as files in the repository, in the layout of spec-kit. On stdin and stdout, or over HTTP with --http; $API_KEY is the key of its clients there.',
    )
    .option('--workspace <DIR>', 'a folder it may work in; the first is the one meant. May be given again', collect, [])
    .option('--http', 'over HTTP instead of stdin and stdout', false)
    .option('--host <HOST>', 'the address it listens on; 127.0.0.1')
    .option('--port <PORT>', 'the port it listens on; 8123')
    .option('--tls-cert <FILE>', 'its certificate, to speak TLS')
    .option('--tls-key <FILE>', 'the key of the certificate')
    .option('--behind-proxy', 'a proxy in front of it speaks TLS', false)
    .option('--allow-config', 'a ?config= in the URL may narrow the folder and the time of commands', false)
    .action(async (options: SpecOptions) => await serve(context, options));
  spec
    .command('install')
    .summary('put it into an editor')
    .argument('<CLIENT>', 'claude-code, vscode, codex or cursor')
    .action(async (client: string, _options: unknown, command: Command) => await install(context, client, command));
}

/** WORKSPACE_PATH is DinCoder's name, SPECIFY_INIT_DIR spec-kit's. */
function foldersOf({ cwd, env }: CliContext, named: readonly string[]): readonly string[] {
  const usual = [env['WORKSPACE_PATH'], env['SPECIFY_INIT_DIR']].find(
    (folder) => folder !== undefined && folder !== '',
  );
  const folders = named.length > 0 ? named : [usual ?? '.'];
  return folders.map((folder) => resolve(cwd, folder));
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new CliError(`--port ${text} is no port: give a number up to 65535`, exitCodes.usage);
}

/** What only makes sense with --http. */
function faceOf(context: CliContext, options: SpecOptions): Partial<HttpFace> {
  const { allowConfig, http, host, port, tlsCert, tlsKey, behindProxy } = options;
  if (!http && (allowConfig || behindProxy || [host, port, tlsCert, tlsKey].some((one) => one !== undefined))) {
    throw new CliError(
      '--host, --port, --tls-cert, --tls-key, --behind-proxy and --allow-config are for --http',
      exitCodes.usage,
    );
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new CliError('--tls-cert and --tls-key go together', exitCodes.usage);
  }
  return {
    behindProxy,
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port: portOf(port) }),
    ...(tlsCert !== undefined &&
      tlsKey !== undefined && { tls: { cert: resolve(context.cwd, tlsCert), key: resolve(context.cwd, tlsKey) } }),
  };
}

async function serve(context: CliContext, options: SpecOptions): Promise<void> {
  const face = faceOf(context, options);
  const { serveSpec, settingsOf, SpecError } = await import('@sallyport/spec');
  try {
    const serving = await serveSpec({
      roots: foldersOf(context, options.workspace),
      version: context.version,
      env: context.env,
      now: context.now,
      allowConfig: options.allowConfig,
      log: (line) => context.stderr.write(line.endsWith('\n') ? line : `${line}\n`),
      ...(options.http && { http: { ...settingsOf(context.env), ...face } }),
    });
    if (serving.url !== undefined) context.stderr.write(`sallyport spec listens on ${serving.url}\n`);
    await untilOver(context, serving);
  } catch (error) {
    if (error instanceof SpecError) throw new CliError(error.message, exitCodes.configuration);
    throw error;
  }
}

/** The first interrupt lets what is under way end, the second cuts it. */
async function untilOver(context: CliContext, serving: ServingSpec): Promise<void> {
  let asked = false;
  const ignore = context.onInterrupt(() => {
    void (asked ? serving.destroy() : serving.close());
    asked = true;
  });
  await serving.closed;
  ignore();
}

async function install(context: CliContext, client: string, command: Command): Promise<void> {
  const { EDITORS, installEditor, SpecError } = await import('@sallyport/spec');
  const editor = EDITORS.find((name) => name === client);
  if (editor === undefined)
    throw new CliError(`${client} is not known: choose one of ${EDITORS.join(', ')}`, exitCodes.usage);
  const globals = globalsOf(command, context);
  const { workspace } = command.optsWithGlobals<Pick<SpecOptions, 'workspace'>>();
  const [folder = context.cwd] = foldersOf(context, workspace);
  try {
    const done = await installEditor({ folder, editor, version: context.version, now: context.now });
    const kept = done.kept.map((path) => `kept ${path}: it is not one of ours`);
    const lines = [...done.written.map((path) => `wrote ${path}`), ...kept];
    printResult(context, globals, done, lines.length === 0 ? 'nothing to do: all is there' : lines.join('\n'));
  } catch (error) {
    if (error instanceof SpecError) throw new CliError(error.message, exitCodes.configuration);
    throw error;
  }
}
