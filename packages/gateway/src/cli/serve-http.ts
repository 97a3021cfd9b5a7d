/** `serve` over HTTP: opens the listener, says where it is, and ends in order. */
import { randomBytes } from 'node:crypto';
import { openListener } from '../config/check-across.ts';
import type { Config } from '../config/index.ts';
import { announceDaemon, thisProcess } from '../wiring/daemon.ts';
import type { Log } from '../telemetry/index.ts';
import { boundedLog, logBehind, LOG_MAX_BYTES, logPaths } from './daemon-log.ts';
import { CliError, exitCodes } from './exit.ts';
import { listenProblem } from './listen-problem.ts';
import { note } from './output.ts';
import { gatewayFor, openLog, type Serving } from './serve-gateway.ts';
import { onHangup, untilSignal } from './signals.ts';
import { count } from './text.ts';
import { enabledNames, welcome } from './welcome.ts';

const STDERR = 2;
const TAKEN_BY = ': perhaps by a gateway in the background (`sallyport status` tells)';

export async function serveHttp(serving: Serving): Promise<void> {
  const { config, file, context } = serving;
  refuseOpenListener(config);
  const state = await context.files.stateDirectory();
  // Whoever started this in the background, also the system itself, has it write to a log of the state.
  const logPath = logBehind(STDERR, logPaths(state, file?.path));
  const stream = logPath === undefined ? process.stderr : boundedLog(process.stderr, STDERR, logPath, LOG_MAX_BYTES);
  const log = openLog(serving, config.telemetry.log.format, stream);
  const gateway = await gatewayFor(serving, log);
  const stop = untilSignal();
  const forgetHangup = onHangup({ reload: () => gateway.reload(), onGone: () => stop.ask(), log });
  let takeBack: (() => Promise<void>) | undefined;
  try {
    const { url } = await gateway.listen();
    takeBack = await announceDaemon(state, {
      ...thisProcess(),
      id: randomBytes(6).toString('hex'),
      url,
      startedMs: context.now(),
      configPath: file?.path,
      configHash: file?.hash,
      logPath,
      words: serving.words,
      cwd: serving.cwd,
      reload: config.reload,
    });
    sayReady(serving, log, { url, key: gateway.localKey, state });
    await Promise.race([stop.asked, gateway.lockedDown]);
    log('info', 'stopping: calls under way may end', { within: `${config.limits.drainMs / 1000} s` });
  } catch (error) {
    throw listenProblem(error, config.listen, TAKEN_BY);
  } finally {
    await takeBack?.();
    await gateway.close();
    forgetHangup();
    stop.forget();
  }
}

interface Ready {
  readonly url: string;
  readonly key: string | undefined;
  /** The folder where the key lies. */
  readonly state: string;
}

/** To a person with the key; else as a record of the log, which programs read. */
function sayReady({ config, context, file }: Serving, log: Log, { url, key, state }: Ready): void {
  const { servers, reload } = config;
  const configPath = file?.path;
  if (process.stderr.isTTY) return note(context, welcome({ url, key, servers, configPath, reload }));
  const names = enabledNames(servers);
  const detail = { servers: names.join(', '), ...(configPath !== undefined && { file: configPath }), state };
  log('info', `Sallyport is ready at ${url} with ${count(names.length, 'server')}`, detail);
}

/** A plain listener that others reach would carry keys in the clear. */
function refuseOpenListener(config: Config): void {
  const problem = openListener(config);
  if (problem !== undefined) throw new CliError(problem, exitCodes.configuration);
}
