/** `sallyport logs [-f]`: what the gateway in the background has written, also when it no longer runs. */
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Command } from 'commander';
import { findConfig } from '../config/find.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { followLog, lastLines, logPaths, type Follower } from './daemon-log.ts';
import { CliError, exitCodes } from './exit.ts';
import { createInterrupt } from './interrupt.ts';
import { findDaemon } from './running.ts';

interface LogsOptions {
  readonly follow: boolean;
  readonly lines: string;
}

/** Changes that come closer together are read together; without a word from the system it is looked so often. */
const GATHER_MS = 250;
const LOOK_MS = 1000;

export function register(program: Command, context: CliContext): void {
  program
    .command('logs')
    .summary('what the gateway in the background has written')
    .option('-f, --follow', 'go on as it writes more, until Ctrl+C', false)
    .option('-n, --lines <N>', 'so many of the last lines', '100')
    .action(async ({ follow, lines }: LogsOptions, command: Command) => {
      const wanted = Number(lines);
      if (!Number.isInteger(wanted) || wanted < 0) {
        throw new CliError(`--lines: expected a whole number, not ${lines}`, exitCodes.usage);
      }
      const path = await logOf(context, globalsOf(command, context));
      const follower = follow ? await followLog(path) : undefined;
      const last = await lastLines(path, { count: wanted, ...(follower !== undefined && { end: follower.start }) });
      context.stdout.write(last.map((line) => `${line}\n`).join(''));
      if (follower !== undefined) await goOn(context, path, follower);
    });
}

/** The log of the gateway that is meant, or of the one that ran last. */
async function logOf(context: CliContext, globals: GlobalOptions): Promise<string> {
  const running = await findDaemon(context, globals);
  if (running?.logPath !== undefined) return running.logPath;
  if (running !== undefined) {
    throw new CliError(
      `the gateway at ${running.url} (pid ${running.pid}) runs in the foreground: its log is in its terminal`,
      exitCodes.failed,
    );
  }
  const configPath = await findConfig({ ...context, file: globals.config, exists: context.files.exists }).then(
    ({ path }) => path,
    () => undefined,
  );
  const paths = logPaths(await context.files.stateDirectory(), configPath);
  const found = await Promise.all(
    paths.map(async (path) => ({
      path,
      ms: await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => -1,
      ),
    })),
  );
  const [newest] = found.filter(({ ms }) => ms >= 0).toSorted((one, other) => other.ms - one.ms);
  if (newest !== undefined) return newest.path;
  throw new CliError(
    `there is no log yet: ${paths[0]} is written by a gateway in the background (\`sallyport start\`)`,
    exitCodes.failed,
  );
}

/** Until somebody stops it, which is how it ends well. */
async function goOn(context: CliContext, path: string, follower: Follower): Promise<void> {
  const { processes } = context;
  const interrupt = createInterrupt(context);
  const over = new AbortController();
  interrupt.onAsked(() => over.abort());
  let changed = new AbortController();
  const names = new Set([basename(path), `${basename(path)}.1`]);
  const stopWatching = processes.watch(dirname(path), (name) => {
    if (name === null || names.has(name)) changed.abort();
  });
  const decoder = new TextDecoder();
  try {
    while (!over.signal.aborted) {
      changed = new AbortController();
      const bytes = await follower.more();
      if (bytes.length > 0) context.stdout.write(decoder.decode(bytes, { stream: true }));
      await processes.delay(LOOK_MS, AbortSignal.any([changed.signal, over.signal]));
      await processes.delay(GATHER_MS, over.signal);
    }
  } finally {
    stopWatching();
    interrupt.forget();
  }
}
