/**
 * The gateway for a verb: the one that is running, else one for this once, in this process, on a loopback port of its own and
 * closed when the verb is done. Over it go status requests and one MCP session. It prints nothing but notes.
 */
import { askAllPages, errorOf, openHttpSession, UpstreamError, type Leg } from '@sallyport/client';
import {
  MAX_UPSTREAM_BYTES,
  isObject,
  type JsonObject,
  type JsonRpcErrorObject,
  type JsonValue,
} from '@sallyport/wire';
import { STATUS_PATH, TOOLS_PATH } from '../wiring/admin-endpoints.ts';
import type { Config } from '../config/index.ts';
import { didYouMean } from '../config/problems.ts';
import { openLocalKey } from '../credentials/index.ts';
import type { GatewayStatus, ToolReport } from '../wiring/status.ts';
import { createRedactor } from '../telemetry/redact.ts';
import { createLog, type LogLevel } from '../telemetry/index.ts';
import { loadToRun } from './configuration.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { ownTls } from './own-tls.ts';
import { requestJson } from './request-json.ts';
import { createInterrupt, type Interrupt } from './interrupt.ts';
import { findRunning } from './running.ts';
import { oneLine } from './text.ts';

/** A gateway that answers, with the keys for it. */
export interface Reached {
  readonly url: URL;
  /** Where and since when it runs; undefined for one of this process. */
  readonly running:
    | { readonly pid: number; readonly startedMs: number; readonly configPath: string | undefined }
    | undefined;
  readonly interrupt: Interrupt;
  status(): Promise<GatewayStatus>;
  tools(): Promise<ToolReport>;
  /** Asks something of this machine's user alone. */
  post(path: string, body: object): Promise<unknown>;
  /** The MCP session, opened when it is first asked for. */
  session(): Promise<Leg>;
}

export interface WithGatewayOptions {
  /** Of a gateway that is started for once, unless `--log-level` says another: a verb that shows what is wrong needs no log. */
  readonly logLevel?: LogLevel;
  /** A gateway that is started for once has this server alone. What comes of it is kept, or it is not started. */
  readonly server?: string;
}

/** For opening the session with a gateway of this machine. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Of one page of a list; the gateway's own deadline is shorter. */
const LIST_TIMEOUT_MS = 60_000;

/**
 * Runs `use` with a gateway and leaves nothing behind, also when the person stops it. Errors become `CliError`s with the exit
 * code that says what happened.
 */
export async function withGateway<T>(
  context: CliContext,
  globals: GlobalOptions,
  use: (gateway: Reached) => Promise<T>,
  { logLevel = 'error', server }: WithGatewayOptions = {},
): Promise<T> {
  const interrupt = createInterrupt(context);
  let gateway: OnceGateway | undefined;
  let session: Promise<Leg> | undefined;
  try {
    const found = await findRunning(context, globals);
    if (found === undefined) gateway = await startForOnce(context, { logLevel, ...globals }, server);
    const url = new URL(found?.url ?? gateway?.url ?? '');
    const keys = await keysOf(context);
    const reached: Reached = {
      url,
      running: found,
      interrupt,
      status: async () => (await readOwn(url, STATUS_PATH, keys.local)) as GatewayStatus,
      tools: async () => (await readOwn(url, TOOLS_PATH, keys.local)) as ToolReport,
      post: async (path, body) => await readOwn(url, path, keys.local, body),
      session: () => (session ??= openSession(context, url, keys.caller)),
    };
    return await Promise.race([use(reached), interrupt.asked]);
  } catch (error) {
    throw asCliError(error);
  } finally {
    await session?.then((leg) => leg.close()).catch(() => undefined);
    await gateway?.close();
    interrupt.forget();
  }
}

/** The local key for what only this machine's user may see, and the one to call with. */
async function keysOf({ files, env }: CliContext): Promise<{ readonly local: string; readonly caller: string }> {
  const local = await openLocalKey({ directory: await files.stateDirectory() });
  const own = env['SALLYPORT_KEY'] ?? '';
  return { local, caller: own === '' ? local : own };
}

interface OnceGateway {
  readonly url: string;
  close(): Promise<void>;
}

async function startForOnce(
  context: CliContext,
  globals: GlobalOptions & { readonly logLevel: string },
  server: string | undefined,
): Promise<OnceGateway> {
  // What a gateway is made of is loaded only when there is none to talk to.
  const [{ createGateway }, { killAllOnExit }] = await Promise.all([
    import('../gateway.ts'),
    import('@sallyport/host'),
  ]);
  const { config, secrets } = await loadToRun(context, globals);
  const redactor = createRedactor();
  redactor.learn(secrets.map(({ value }) => value));
  const gateway = await createGateway({
    config: forThisMachine(server === undefined ? config : withOnly(server, config)),
    stateDirectory: await context.files.stateDirectory(),
    env: context.env,
    version: context.version,
    redactor,
    log: createLog({
      redactor,
      level: globals.logLevel as LogLevel,
      format: 'pretty',
      stream: process.stderr,
      color: globals.color && process.stderr.isTTY,
    }),
    now: context.now,
  });
  const takeBack = killAllOnExit([gateway]);
  try {
    const { port } = await gateway.listen();
    const close = async (): Promise<void> => {
      await gateway.close();
      takeBack();
    };
    return { url: `http://127.0.0.1:${port}${config.listen.path}`, close };
  } catch (error) {
    await gateway.close();
    throw error;
  }
}

/** The names of the others stay known, and nothing of them is started. */
function withOnly(server: string, config: Config): Config {
  if (config.store === 'memory') {
    const text =
      'no gateway is running, and with `store: memory` nothing would be left of this: start the gateway first';
    throw new CliError(text, exitCodes.configuration);
  }
  const servers = config.servers.filter(({ name }) => name === server);
  if (servers.length > 0) return { ...config, servers };
  const names = config.servers.map(({ name }) => name);
  throw new CliError(
    `there is no server ${JSON.stringify(server)}${didYouMean(server, names)}`,
    exitCodes.configuration,
  );
}

/** Whatever the file says of the listener: this one is for this process alone. */
function forThisMachine(config: Config): Config {
  const { publicUrl: _publicUrl, tls: _tls, ...listen } = config.listen;
  return {
    ...config,
    listen: { ...listen, host: '127.0.0.1', port: 0, hosts: [], origins: [], trustProxy: [], plainBehindProxy: false },
  };
}

/** What the command line can answer in the middle of a call. It has no model, so it does not offer sampling. */
const CAPABILITIES: JsonObject = { elicitation: { form: {}, url: {} }, roots: {} };

async function openSession(context: CliContext, url: URL, key: string): Promise<Leg> {
  return await openHttpSession({
    url,
    headers: { authorization: `Bearer ${key}` },
    tls: ownTls(url),
    // No variables, no proxy: the gateway is on this machine.
    env: {},
    clientInfo: { name: 'sallyport-cli', version: context.version },
    clientCapabilities: CAPABILITIES,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    maxMessageBytes: MAX_UPSTREAM_BYTES,
    events: {
      onNotification: () => undefined,
      onUnattributed: ({ method }) => ({ error: { code: -32601, message: `${method} belongs to no call.` } }),
      onDown: () => undefined,
      log: () => undefined,
    },
    now: context.now,
  });
}

/** Some answers wait for a person, or for another server. */
const POST_MS = 60_000;

async function readOwn(url: URL, path: string, key: string, sent?: object): Promise<unknown> {
  const { status, body } = await requestJson(new URL(path, url), {
    headers: { authorization: `Bearer ${key}` },
    ...(sent !== undefined && { body: sent, timeoutMs: POST_MS }),
  });
  if (status === 200 && isObject(body)) return body;
  if (status === 401) throw new CliError(`the gateway at ${url.href} does not accept the local key`, exitCodes.refused);
  if (status === 404) {
    throw new CliError(
      `the gateway at ${url.href} is not for this machine alone (listen.host, publicUrl or trustProxy), so it does not say how it is`,
      exitCodes.refused,
    );
  }
  throw new CliError(`the gateway at ${url.href} answered ${status}`, exitCodes.failed);
}

/** Every entry of a list that the session's principal sees. */
export async function listAll(leg: Leg, method: string, member: string): Promise<readonly JsonObject[]> {
  const { items } = await askAllPages(leg, method, member, { timeoutMs: LIST_TIMEOUT_MS });
  return items.filter(isObject);
}

const REFUSED_CODES: ReadonlySet<number> = new Set([-31003, -31005, -32042]);
const UNREACHABLE_CODES: ReadonlySet<number> = new Set([-31001, -31002]);

/** What a failure means for the person and for the shell. */
export function asCliError(error: unknown): unknown {
  if (error instanceof UpstreamError) {
    const answered = errorOf(error);
    if (error.status === 401 || error.status === 403 || error.reason === 'unauthorized') {
      return new CliError('the gateway does not accept this key; see $SALLYPORT_KEY', exitCodes.refused);
    }
    if (answered !== undefined) return new CliError(answerText(answered), codeOf(answered));
    return new CliError(`the gateway gave no answer: ${error.message}`, exitCodes.unreachable);
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'ABORT_ERR') {
    return new CliError(`the gateway went away: ${(error as Error).message}`, exitCodes.unreachable);
  }
  return error;
}

function codeOf({ code }: JsonRpcErrorObject): CliError['exitCode'] {
  if (REFUSED_CODES.has(code)) return exitCodes.refused;
  return UNREACHABLE_CODES.has(code) ? exitCodes.unreachable : exitCodes.failed;
}

function answerText({ code, message, data }: JsonRpcErrorObject): string {
  return [`${oneLine(message)} (${code})`, ...linksIn(data).map((link) => `open ${link}`)].join('\n');
}

/** Addresses that an error asks the person to open: of a login, or of a URL elicitation (2025-11-25). */
function linksIn(data: JsonValue | undefined): string[] {
  if (!isObject(data)) return [];
  const asked = Array.isArray(data['elicitations']) ? data['elicitations'].filter(isObject) : [];
  return [data['url'], ...asked.map(({ url }) => url)].filter((url) => typeof url === 'string').map(oneLine);
}
