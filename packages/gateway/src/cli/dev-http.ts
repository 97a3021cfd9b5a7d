/**
 * A server of one's own that serves HTTP, under `sallyport dev --http`: the process is started, the URL is read from what it
 * prints, and a client speaks to it there. Which messages there are is not known here.
 */
import type { Client, CommandTarget, ConnectOptions } from '@sallyport/client';
import { createReaper, startChild } from '@sallyport/host';
import { failureText } from './dev-failure.ts';
import type { DevServer } from './dev-session.ts';
import { CliError, exitCodes } from './exit.ts';

export interface HttpServerOptions {
  readonly target: CommandTarget;
  /** Where it serves; undefined: at the first URL of this machine that it prints. */
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly connect: ConnectOptions;
  /** A line that the process has printed. */
  readonly say: (line: string) => void;
  /** Milliseconds. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** For the process to print a URL, and to answer there. */
const START_MS = 20_000;
const RETRY_MS = 100;
const MAX_LINE_BYTES = 1024 * 1024;
const MAX_PRINTED = 65_536;

/** Rejects with a `CliError`, or with the `ClientError` of who does not speak MCP there; no process is left then. */
export async function startHttpServer(options: HttpServerOptions): Promise<DevServer> {
  const { delay, target } = options;
  const reaper = createReaper({ log: options.say });
  const printed = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<Error>();
  let said = '';
  const hear = (line: string): void => {
    options.say(line);
    if (said.length < MAX_PRINTED) said += `${line}\n`;
    const url = urlIn(line);
    if (url !== undefined) printed.resolve(url);
  };
  const child = await startChild({
    command: target.command,
    args: target.args ?? [],
    cwd: target.cwd ?? process.cwd(),
    env: target.env ?? {},
    reaper,
    maxLineBytes: MAX_LINE_BYTES,
    onLine: (line) => hear(line.toString('utf8')),
    onNoise: hear,
    onOversize: () => undefined,
    onStderr: hear,
    onExit: ({ code, signal }) => {
      const how = signal === null ? `with code ${code}` : `by ${signal}`;
      ended.resolve(new CliError(failureText(said) ?? `it ended ${how}`, exitCodes.failed));
    },
  });
  const close = async (): Promise<void> => {
    await child.close();
    await reaper.close();
  };
  const over = new AbortController();
  try {
    const tooLate = delay(START_MS, over.signal).then(() => Promise.reject(lateError(options.url)));
    const failed = ended.promise.then((error) => Promise.reject(error));
    const url = options.url ?? (await Promise.race([printed.promise, failed, tooLate]));
    const client = await Promise.race([reached(url, options, over.signal), failed, tooLate]);
    return serverOf(client, ended.promise, close);
  } catch (error) {
    await close();
    throw error;
  } finally {
    over.abort();
  }
}

function serverOf(client: Client, ended: Promise<Error>, close: () => Promise<void>): DevServer {
  return {
    client,
    ended,
    close: async () => {
      await client.close();
      await close();
    },
  };
}

/** Somebody who prints a URL may not listen yet. */
async function reached(url: string, options: HttpServerOptions, signal: AbortSignal): Promise<Client> {
  const { connect, ClientError } = await import('@sallyport/client');
  for (;;) {
    try {
      return await connect({ url, type: 'http', headers: options.headers }, { ...options.connect, signal });
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'unavailable' || signal.aborted) throw error;
      await options.delay(RETRY_MS, signal);
    }
  }
}

function lateError(url: string | undefined): CliError {
  const text =
    url === undefined
      ? 'it printed no URL of this machine: print the one that it serves, or give it with --url'
      : `nobody answers at ${url}`;
  return new CliError(text, exitCodes.failed);
}

const LOCAL_URL =
  /https?:\/\/(?:localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\])(?::\d{1,5})?(?![\w@:-]|\.\w)(?:\/[^\s"'<>)\]},;]*)?/i;

/** Of a server on this machine. One that listens everywhere is reached over loopback; one without a path has its MCP at `/mcp`. */
export function urlIn(line: string): string | undefined {
  const text = LOCAL_URL.exec(line)?.[0].replace(/\.$/, '');
  const url = text === undefined ? null : URL.parse(text);
  if (url === null) return undefined;
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  if (url.hostname === '[::]') url.hostname = '[::1]';
  if (url.pathname === '/') url.pathname = '/mcp';
  return url.href;
}
