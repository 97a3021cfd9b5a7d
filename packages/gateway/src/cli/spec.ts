/**
 * `sallyport spec`: the specification server for a project, on stdin and stdout or over HTTP; `sallyport spec install` puts it into an
 * editor. The package is loaded here and nowhere else, when the verb is used.
 */
import { resolve } from 'node:path';
import type { Editor, HttpFace, Installed, ServingSpec } from '@sallyport/spec';
import type { Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { listenProblem } from './listen-problem.ts';
import { note, printResult } from './output.ts';

interface SpecOptions {
  readonly workspace: readonly string[];
  readonly http: boolean;
  readonly host?: string;
  readonly port?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly behindProxy: readonly string[];
  readonly publicUrl?: string;
  readonly allowConfig: boolean;
}

interface InstallFlags {
  readonly dryRun: boolean;
}

const collect = (value: string, values: readonly string[]): readonly string[] => [...values, value];

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
    .option(
      '--behind-proxy <ADDRESS>',
      'the address or network of a proxy in front that speaks TLS: its word on who calls is taken. May be given again',
      collect,
      [],
    )
    .option('--public-url <URL>', 'where clients reach it, when that is not its own address')
    .option('--allow-config', 'a ?config= in the URL may narrow the folder and the time of commands', false)
    .action(async (options: SpecOptions) => await serve(context, options));
  spec
    .command('install')
    .summary('put it into an editor')
    .description(
      'Writes the server and a command for each step into the files of a project (--workspace of `spec`, or this folder). What is there and not ours stays, and is told.',
    )
    .argument('<CLIENT>', 'claude-code, vscode, codex or cursor')
    .option('--dry-run', 'only say what would be written', false)
    .action(async (client: string, options: InstallFlags, command: Command) => {
      await install(context, client, options, command);
    });
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
  const { allowConfig, http, host, port, tlsCert, tlsKey, behindProxy, publicUrl } = options;
  const isHttp = [host, port, tlsCert, tlsKey, publicUrl, behindProxy[0]].some((one) => one !== undefined);
  if (!http && (allowConfig || isHttp)) {
    throw new CliError(
      '--host, --port, --tls-cert, --tls-key, --behind-proxy, --public-url and --allow-config are for --http',
      exitCodes.usage,
    );
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new CliError('--tls-cert and --tls-key go together', exitCodes.usage);
  }
  return {
    proxies: behindProxy,
    ...(publicUrl !== undefined && { publicUrl }),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port: portOf(port) }),
    ...(tlsCert !== undefined &&
      tlsKey !== undefined && { tls: { cert: resolve(context.cwd, tlsCert), key: resolve(context.cwd, tlsKey) } }),
  };
}

async function serve(context: CliContext, options: SpecOptions): Promise<void> {
  const face = faceOf(context, options);
  const roots = foldersOf(context, options.workspace);
  const { serveSpec, settingsOf, SpecError } = await import('@sallyport/spec');
  try {
    const http = options.http ? { ...settingsOf(context.env), ...face } : undefined;
    const serving = await serveSpec({
      roots,
      version: context.version,
      env: context.env,
      now: context.now,
      allowConfig: options.allowConfig,
      log: (line) => context.stderr.write(line.endsWith('\n') ? line : `${line}\n`),
      ...(http && { http }),
    }).catch((error: unknown) => {
      throw http === undefined || error instanceof SpecError ? error : startProblem(error, http);
    });
    if (serving.url !== undefined) context.stderr.write(`sallyport spec listens on ${serving.url}\n`);
    await untilOver(context, serving);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    const isFolder = error.code === 'not_found' || error.code === 'restricted';
    throw new CliError(isFolder ? `${roots.join(', ')}: ${error.message}` : error.message, exitCodes.configuration);
  }
}

/** A file of TLS that cannot be read, or a place where nobody can listen, in words. */
function startProblem(error: unknown, http: HttpFace): unknown {
  if (error instanceof Error && 'path' in error && 'code' in error) {
    return new CliError(`${String(error.path)} cannot be read (${String(error.code)})`, exitCodes.configuration);
  }
  return listenProblem(error, http);
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

/** What is left for the user to do. */
const AFTERWARDS: Readonly<Record<Editor, string>> = {
  'claude-code':
    'Start `claude` in this folder, trust it and approve the server `spec`; the commands are /sallyport-spec:specify …',
  vscode: 'Start the server `spec` in .vscode/mcp.json; the steps are skills: /speckit-specify …',
  codex: 'Start `codex` in this folder and trust it; the steps are skills: $speckit-specify …',
  cursor: 'Switch the server `spec` on in the settings (MCP); the commands are /speckit.specify …',
};

async function install(context: CliContext, client: string, { dryRun }: InstallFlags, command: Command): Promise<void> {
  const { EDITORS, installEditor, SpecError } = await import('@sallyport/spec');
  const editor = EDITORS.find((name) => name === client);
  if (editor === undefined)
    throw new CliError(`${client} is not known: choose one of ${EDITORS.join(', ')}`, exitCodes.usage);
  const globals = globalsOf(command, context);
  const { workspace } = command.optsWithGlobals<Pick<SpecOptions, 'workspace'>>();
  const [folder = context.cwd] = foldersOf(context, workspace);
  try {
    const done = await installEditor({ folder, editor, version: context.version, now: context.now, dryRun });
    printResult(context, globals, { ...done, dryRun }, installedText(done, dryRun));
    if (!dryRun && done.written.length > 0) note(context, AFTERWARDS[editor]);
  } catch (error) {
    if (error instanceof SpecError) throw new CliError(error.message, exitCodes.configuration);
    throw error;
  }
}

function installedText({ kept, written }: Installed, dryRun: boolean): string {
  const lines = [
    ...written.map((path) => `${dryRun ? 'would write' : 'wrote'} ${path}`),
    ...kept.map(({ path, why }) => `kept ${path}: ${why}`),
  ];
  return lines.length === 0 ? 'nothing to do: all is there' : lines.join('\n');
}
