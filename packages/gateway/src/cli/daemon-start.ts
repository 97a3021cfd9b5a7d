/**
 * Starting a gateway in the background and ending one. A start is over when the gateway has proven itself or ended; only a
 * process that has proven to be the gateway of the record is ever sent a signal.
 */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { acquireLock, ensurePrivateDirectory, tightenOrRefuse } from '@sallyport/host';
import type { DetailedConfig } from '../config/load.ts';
import { daemonsDirectory, removeDaemon, thisProcess, type DaemonRecord } from '../wiring/daemon.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { lastLines, logPaths } from './daemon-log.ts';
import { CliError, exitCodes, type ExitCode } from './exit.ts';
import { createInterrupt } from './interrupt.ts';
import type { Ending } from './processes.ts';
import { findAll, findRunningOf } from './running.ts';
import { plain } from './text.ts';

/** Until a gateway that was started answers. */
const READY_MS = 30_000;
/** A gateway that is asked to end: its calls have 10 s. */
const END_MS = 15_000;
/** Where the system does not tell what changes in a directory, it is looked at so often. */
const LOOK_MS = 500;
const END_LOOK_MS = 50;
const SHOWN_LINES = 20;

/** What runs a gateway: the words after `sallyport`, and where. */
export interface Plan {
  readonly words: readonly string[];
  readonly cwd: string;
  readonly configPath: string;
}

export interface ListenOptions {
  readonly host?: string;
  readonly port?: string;
}

/**
 * The words that run a configuration again. One that was only found in its folder is found there again: so it is still asked
 * whether it is trusted.
 */
export function planOf(
  { path, origin }: Pick<DetailedConfig, 'path' | 'origin'>,
  { host, port }: ListenOptions,
  { logLevel }: Pick<GlobalOptions, 'logLevel'>,
  cwd: string,
): Plan {
  const found = origin === 'directory';
  return {
    words: [
      'serve',
      ...(found ? [] : ['--config', path]),
      ...(host === undefined ? [] : ['--host', host]),
      ...(port === undefined ? [] : ['--port', port]),
      ...(logLevel === undefined ? [] : ['--log-level', logLevel]),
    ],
    cwd: found ? dirname(path) : cwd,
    configPath: path,
  };
}

/**
 * Starts it, unless the same configuration is running. Throws when it ends, or says nothing for too long. `bySystem` may have
 * the system start it: it resolves with false when that does not work.
 */
export async function startDaemon(
  context: CliContext,
  plan: Plan,
  bySystem: () => Promise<boolean> = async () => false,
): Promise<{ readonly record: DaemonRecord; readonly isNew: boolean }> {
  const state = await ensurePrivateDirectory(await context.files.stateDirectory());
  const directory = await ensurePrivateDirectory(daemonsDirectory(state));
  // Of two that start at once, the second finds what the first has started.
  const lock = await acquireLock(`${directory}/start.lock`, { timeoutMs: 2 * READY_MS });
  try {
    const running = await findRunningOf(context, plan.configPath);
    if (running !== undefined) return { record: running, isNew: false };
    if (!(await bySystem()))
      return { record: await launch(context, plan, await freeLog(context, state, plan)), isNew: true };
    const look = (): Promise<DaemonRecord | undefined> => findRunningOf(context, plan.configPath);
    const record = await untilFound(context, look, new AbortController().signal);
    if (record !== undefined) return { record, isNew: true };
    throw notReady('the system has started it: its own log says more', logPaths(state, undefined)[0]);
  } finally {
    lock.release();
  }
}

/** Two gateways never share a log. */
async function freeLog(context: CliContext, state: string, { configPath }: Plan): Promise<string> {
  const [usual, own] = logPaths(state, configPath);
  const taken = (await findAll(context)).some(({ logPath }) => logPath === usual);
  return taken ? own : usual;
}

async function launch(context: CliContext, plan: Plan, logPath: string): Promise<DaemonRecord> {
  const { processes, env } = context;
  await tightenOrRefuse(logPath);
  const before = await stat(logPath).then(
    ({ size }) => size,
    () => 0,
  );
  const argv = [...processes.self, ...plan.words];
  const child = await processes.detach(argv, { cwd: plan.cwd, env, outputPath: logPath });
  const interrupt = createInterrupt(context);
  const over = new AbortController();
  let isAlive = true;
  try {
    const ended = child.ended.then(async (ending): Promise<never> => {
      isAlive = false;
      throw await endedEarly(ending, logPath, before);
    });
    ended.catch(() => undefined);
    const isOurs = async (): Promise<DaemonRecord | undefined> => {
      const found = await findRunningOf(context, plan.configPath);
      return found?.pid === child.pid ? found : undefined;
    };
    const record = await Promise.race([untilFound(context, isOurs, over.signal), ended, interrupt.asked]);
    if (record !== undefined) return record;
    throw notReady('it was stopped', logPath);
  } catch (error) {
    if (isAlive) processes.terminate(child.pid);
    throw error;
  } finally {
    over.abort();
    interrupt.forget();
    child.release();
  }
}

function notReady(what: string, logPath: string): CliError {
  return new CliError(
    `the gateway has not answered within ${READY_MS / 1000} s; ${what}. See \`sallyport logs\` (${logPath})`,
    exitCodes.failed,
  );
}

/** Looks whenever a record comes or goes; undefined when the time is over. */
async function untilFound(
  context: CliContext,
  look: () => Promise<DaemonRecord | undefined>,
  over: AbortSignal,
): Promise<DaemonRecord | undefined> {
  const { processes, files, now } = context;
  const endMs = now() + READY_MS;
  let changed = new AbortController();
  const stopWatching = processes.watch(daemonsDirectory(await files.stateDirectory()), () => changed.abort());
  try {
    while (now() < endMs && !over.aborted) {
      changed = new AbortController();
      const found = await look();
      if (found !== undefined) return found;
      await processes.delay(LOOK_MS, AbortSignal.any([changed.signal, over]));
    }
    return undefined;
  } finally {
    stopWatching();
  }
}

async function endedEarly({ code, signal }: Ending, logPath: string, before: number): Promise<CliError> {
  // Only what this start wrote.
  const lines = await lastLines(logPath, { count: SHOWN_LINES, start: before }).catch(() => []);
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  return new CliError(
    [
      `the gateway ended before it was ready (${how}):`,
      ...lines.map((line) => `  ${plain(line)}`),
      `All of it is in ${logPath}. Set this right and run the command again; \`sallyport serve\` shows the same in this terminal`,
    ].join('\n'),
    isExitCode(code) ? code : exitCodes.failed,
  );
}

function isExitCode(code: number | null): code is ExitCode {
  return code !== null && code !== 0 && Object.values<number>(exitCodes).includes(code);
}

/** Asks a gateway that has proven itself to end, and waits for it. Throws when it does not. */
export async function stopDaemon(context: CliContext, record: DaemonRecord): Promise<void> {
  const { processes, files, now } = context;
  const { pid, url, place } = record;
  if (place !== thisProcess().place) {
    throw new CliError(
      `the gateway at ${url} runs in another container, where it is process ${pid}: stop it there`,
      exitCodes.failed,
    );
  }
  const endMs = now() + END_MS;
  processes.terminate(pid);
  while (processes.isAlive(pid)) {
    if (now() > endMs) {
      throw new CliError(
        `the gateway (pid ${pid}) was asked to stop and has not ended within ${END_MS / 1000} s.\n\`kill -9 ${pid}\` ends it at once, with the calls that it still has`,
        exitCodes.failed,
      );
    }
    await processes.delay(END_LOOK_MS);
  }
  await removeDaemon(await files.stateDirectory(), record);
}
