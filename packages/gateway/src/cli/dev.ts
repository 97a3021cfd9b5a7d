/**
 * `sallyport dev FILE`: the inner loop of who writes a server. Runs the file over stdio as a client would, starts it again when
 * its sources change, shows what goes over the wire, and calls its tools from a prompt. Nothing of the gateway is in between.
 */
import { dirname } from 'node:path';
import type { Client, ConnectOptions } from '@sallyport/client';
import { Option, type Command } from 'commander';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { failureText } from './dev-failure.ts';
import { ownServer } from './dev-own.ts';
import { DevPrompt } from './dev-prompt.ts';
import { DevSession } from './dev-session.ts';
import { watchSources } from './dev-watch.ts';
import { createWireLog } from './dev-wire.ts';
import { CliError, exitCodes } from './exit.ts';
import { note } from './output.ts';
import { count, oneLine, painter, plain } from './text.ts';

interface DevOptions {
  readonly wire: boolean;
  readonly era: 'auto' | 'session' | 'stateless';
}

export function register(program: Command, context: CliContext): void {
  program
    .command('dev')
    .summary('run a server that you write: restart on save, call its tools')
    .description(
      'Runs a server file over stdio, starts it again whenever code in its folder changes, logs what goes over the wire, and takes `tools`, `call TOOL {…}` and `quit` from its prompt (`help` lists the rest). A version that does not start leaves the one before it in place.',
    )
    .argument('<FILE>', 'JavaScript, or TypeScript where Node runs it (22.18 and later)')
    .option('--wire', 'show the messages themselves too', false)
    .addOption(new Option('--era <ERA>', 'what to speak').choices(['auto', 'session', 'stateless']).default('auto'))
    .action(async (file: string, options: DevOptions, command: Command) => {
      await dev(context, globalsOf(command, context), file, options);
    });
}

/** A person may stand in a debugger for as long as that takes. */
const CALL_MS = 60 * 60_000;
const MAX_STDERR = 65_536;

async function dev(context: CliContext, globals: GlobalOptions, file: string, options: DevOptions): Promise<void> {
  const { path, ...target } = await ownServer(context, file);
  const { connect } = await import('@sallyport/client');
  const paint = painter(globals.color && context.errorColumns() !== undefined);
  const say = (text: string): void => void context.stderr.write(`${paint('dim', plain(text))}\n`);
  const sources = watchSources(dirname(path), context.processes.watch, () => void session.settle());
  const prompt = new DevPrompt({ context, client: () => session.client, restart: () => session.restart() });
  const session: DevSession = new DevSession({
    print: sources.print,
    start: async () => {
      const stderr: string[] = [];
      try {
        return await connect(target, connectOptions(context, options, prompt, say, stderr));
      } catch (error) {
        const said = failureText(stderr.join('\n').slice(0, MAX_STDERR));
        throw said === undefined ? error : new CliError(said, exitCodes.failed);
      }
    },
    onUp: (client, isAgain) => greet(context, client, isAgain),
    onFailed: (error, isOldOneUp) => {
      const why = error instanceof Error ? error.message : String(error);
      note(context, `did not start: ${why}${isOldOneUp ? '\nthe one before it goes on' : ''}`);
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

function connectOptions(
  context: CliContext,
  { era, wire }: DevOptions,
  prompt: DevPrompt,
  say: (text: string) => void,
  stderr: string[],
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
    onWire: createWireLog({ bodies: wire, now: context.now, write: say }),
    onDiagnostic: ({ text, detail }) => {
      if (detail?.['stream'] === 'stderr') stderr.push(text);
      say(`  ${text}`);
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
