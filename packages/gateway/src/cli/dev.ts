/**
 * `sallyport dev FILE`: the inner loop of who writes a server. Runs the file over stdio as a client would, or speaks to it over
 * HTTP, starts it again when its sources change, shows what goes over the wire, and calls its tools from a prompt. Nothing of
 * the gateway is in between.
 */
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Client, CommandTarget, ConnectOptions } from '@sallyport/client';
import { Option, type Command } from 'commander';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { failureText } from './dev-failure.ts';
import { startHttpServer, urlIn } from './dev-http.ts';
import { ownServer } from './dev-own.ts';
import { DevPrompt } from './dev-prompt.ts';
import { DevSession, type DevServer } from './dev-session.ts';
import { watchSources } from './dev-watch.ts';
import { createWireLog } from './dev-wire.ts';
import { CliError, exitCodes } from './exit.ts';
import { collectHeaders, headersOf, reasonOf } from './header-words.ts';
import { note } from './output.ts';
import { count, oneLine, painter, plain } from './text.ts';

interface DevOptions {
  readonly wire: boolean;
  readonly http: boolean;
  readonly url?: string;
  readonly header?: readonly string[];
  readonly era: 'auto' | 'session' | 'stateless';
}

export function register(program: Command, context: CliContext): void {
  program
    .command('dev')
    .summary('run a server that you write: restart on save, call its tools')
    .description(
      'Runs a server file over stdio, or with --http speaks to it at the URL that it prints, starts it again whenever code in its folder changes, logs what goes over the wire, and takes `tools`, `call TOOL {…}` and `quit` from its prompt (`help` lists the rest). A version that does not start leaves the one before it in place, unless both want one port.',
    )
    .argument('<FILE>', 'JavaScript, or TypeScript where Node runs it (22.18 and later)')
    .argument('[ARGS...]', 'of the server; those with a hyphen after `--`')
    .option('--http', 'it serves HTTP, at the first URL of this machine that it prints', false)
    .option('--url <URL>', 'it serves HTTP, at this URL')
    .option('--header <NAME: VALUE>', 'sent to it over HTTP; ${NAME} is of the environment; repeatable', collectHeaders)
    .option('--wire', 'show the messages themselves too', false)
    .addOption(new Option('--era <ERA>', 'what to speak').choices(['auto', 'session', 'stateless']).default('auto'))
    .action(async (file: string, args: readonly string[], options: DevOptions, command: Command) => {
      await dev(context, globalsOf(command, context), [file, ...args], options);
    });
}

/** A person may stand in a debugger for as long as that takes. */
const CALL_MS = 60 * 60_000;
const MAX_PRINTED = 65_536;

async function dev(
  context: CliContext,
  globals: GlobalOptions,
  [file = '', ...args]: readonly string[],
  options: DevOptions,
): Promise<void> {
  const { path, ...target } = await ownServer(context, file, args);
  const paint = painter(globals.color && context.errorColumns() !== undefined);
  const say = (text: string): void => void context.stderr.write(`${paint('dim', plain(text))}\n`);
  const sources = watchSources(dirname(path), context.processes.watch, () => void session.settle());
  const prompt = new DevPrompt({ context, client: () => session.client, restart: () => session.restart() });
  const session: DevSession = new DevSession({
    print: sources.print,
    isAlone: options.url !== undefined,
    start: starting({ context, options, prompt, say, target }),
    onInTheWay: () => note(context, 'both want one port: the one before it ends first'),
    onUp: (client, isAgain) => greet(context, client, isAgain),
    onFailed: (error, isOldOneUp) => {
      note(context, `did not start: ${reasonOf(error)}${isOldOneUp ? '\nthe one before it goes on' : ''}`);
    },
    onEnded: (error) => note(context, `the server has ended: ${error?.message ?? ''}\nsave a file, or \`restart\``),
  });
  const stopped = Promise.withResolvers<void>();
  const forget = context.onInterrupt(stopped.resolve);
  try {
    await session.settle();
    await Promise.race([prompt.run(linesOf(context)), stopped.promise]);
  } finally {
    forget();
    sources.close();
    await session.close();
  }
}

interface Starting {
  readonly context: CliContext;
  readonly options: DevOptions;
  readonly prompt: DevPrompt;
  readonly say: (text: string) => void;
  readonly target: CommandTarget;
}

function starting({ context, options, prompt, say, target }: Starting): () => Promise<DevServer> {
  const { header = [], http, url } = options;
  const headers = headersOf(header, context.env);
  if (!http && url === undefined) {
    if (header.length > 0) throw new CliError('--header is for a server over HTTP: add --http', exitCodes.usage);
    return () => startProgram(context, target, options, prompt, say);
  }
  if (url !== undefined && !/^https?:\/\//i.test(url)) {
    throw new CliError('--url: expected a URL, such as http://127.0.0.1:3000/mcp', exitCodes.usage);
  }
  const { delay } = context.processes;
  return async () => {
    const connect = connectOptions(context, options, prompt, say);
    return await startHttpServer({ target, url, headers, connect, delay, say: (line) => say(`  ${line}`) });
  };
}

/** Over its pipes. */
async function startProgram(
  context: CliContext,
  target: CommandTarget,
  options: DevOptions,
  prompt: DevPrompt,
  say: (text: string) => void,
): Promise<DevServer> {
  const { connect } = await import('@sallyport/client');
  const printed: string[] = [];
  const onPrinted = (text: string): void => void printed.push(text);
  try {
    const client = await connect(target, connectOptions(context, options, prompt, say, onPrinted));
    const ended = Promise.withResolvers<Error | undefined>();
    client.on('state', ({ state, error }) => {
      if (state === 'closed') ended.resolve(error);
    });
    return { client, ended: ended.promise, close: () => client.close() };
  } catch (error) {
    const said = failureText(printed.join('\n').slice(0, MAX_PRINTED));
    if (said !== undefined) throw new CliError(said, exitCodes.failed);
    const url = printed.map(urlIn).find((each) => each !== undefined);
    if (url === undefined) throw error;
    throw new CliError(`it does not answer over stdio, and serves ${url}: add --http`, exitCodes.failed);
  }
}

function connectOptions(
  context: CliContext,
  { era, wire }: DevOptions,
  prompt: DevPrompt,
  say: (text: string) => void,
  onPrinted?: (text: string) => void,
): ConnectOptions {
  return {
    clientInfo: { name: 'sallyport-dev', version: context.version },
    era,
    reconnect: false,
    heartbeat: { intervalMs: 0 },
    timeoutMs: CALL_MS,
    maxMs: CALL_MS,
    inputMs: CALL_MS,
    elicitation: { form: (request) => prompt.form(request), url: (request) => prompt.url(request) },
    sampling: (request) => prompt.sample(request),
    roots: [{ uri: pathToFileURL(context.cwd).href }],
    onWire: createWireLog({ bodies: wire, now: context.now, write: say }),
    onDiagnostic: ({ text, detail }) => {
      if (detail?.['stream'] !== undefined) onPrinted?.(text);
      say(detail?.['stream'] === 'stdout' ? `  stdout, which is MCP’s: ${text}` : `  ${text}`);
    },
  };
}

async function greet(context: CliContext, client: Client, isAgain: boolean): Promise<void> {
  const { name, version, revision } = client.server;
  const tools = await client.listTools();
  const what = `${oneLine(name)} ${oneLine(version)} (${revision}), ${count(tools.length, 'tool')}`;
  note(context, `${isAgain ? 'restarted' : 'up'}: ${what}${isAgain ? '' : '. `help` says what can be done'}`);
}

async function* linesOf(context: CliContext): AsyncGenerator<string> {
  let rest = '';
  if (context.isTerminal) context.stderr.write('> ');
  for await (const chunk of context.stdin) {
    const lines = `${rest}${Buffer.from(chunk).toString('utf8')}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      yield line;
      if (context.isTerminal) context.stderr.write('> ');
    }
  }
  if (rest !== '') yield rest;
}
