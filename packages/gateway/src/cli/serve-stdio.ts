/**
 * `serve --stdio`: one client on this process's stdin and stdout. It joins the gateway of the same configuration that is
 * running, so that many clients share one set of servers; without one it runs a gateway of its own. Opens no port.
 */
import { randomUUID } from 'node:crypto';
import { openLocalKey } from '../credentials/index.ts';
import type { DaemonRecord } from '../wiring/daemon.ts';
import type { Gateway } from '../gateway.ts';
import { JoinError, openProcessLink, openRelay, openSocketLink, type Relay } from '../join/index.ts';
import type { Log } from '../telemetry/index.ts';
import type { CliContext } from './context.ts';
import { note } from './output.ts';
import { ownTls } from './own-tls.ts';
import { findRunningOf } from './running.ts';
import { gatewayFor, openLog, type Serving } from './serve-gateway.ts';
import { untilSignal } from './signals.ts';

/** A client waits for this process: a gateway that cannot be joined in this time is left alone. */
const JOIN_MS = 2_000;
/** Of one message: a merged list may be larger than what any one server may answer. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export async function serveStdio(serving: Serving): Promise<void> {
  const { config } = serving;
  const { format } = config.telemetry.log;
  // A client shows what a stdio server writes to stderr; lines for people are what it expects.
  const log = openLog(serving, format === 'auto' ? 'pretty' : format, process.stderr);
  const stop = untilSignal();
  try {
    const joined = await join(serving, log);
    if (joined === undefined) await serveAlone(serving, log, stop.asked);
    else await untilOver(joined, stop.asked);
  } finally {
    stop.forget();
  }
}

async function serveAlone(serving: Serving, log: Log, stopped: Promise<void>): Promise<void> {
  const gateway = await gatewayFor(serving, log);
  const door = gateway.serveStdio(process.stdin, process.stdout, serving.context.cwd);
  await Promise.race([door.done, stopped, gateway.lockedDown]);
  await gateway.close();
}

interface Joined {
  readonly relay: Relay;
  /** Ends the gateway of this process, if it came to one. */
  readonly close: () => Promise<void>;
}

async function untilOver({ relay, close }: Joined, stopped: Promise<void>): Promise<void> {
  try {
    await Promise.race([relay.done, stopped]);
  } finally {
    relay.close();
    await close();
  }
}

/** Undefined when there is nobody to join; a line on stderr says why. */
async function join(serving: Serving, log: Log): Promise<Joined | undefined> {
  const { context, config, file } = serving;
  if (file === undefined) return undefined;
  const { path } = file;
  const found = await findRunningOf(context, path, JOIN_MS);
  if (found === undefined) {
    note(
      context,
      `sallyport: no gateway of ${path} is running: serving alone (\`sallyport start\` runs one for all clients)`,
    );
    return undefined;
  }
  let own: Gateway | undefined;
  try {
    const relay = await openRelay({
      input: process.stdin,
      output: process.stdout,
      join: async (events) => {
        const record = await findRunningOf(context, path, JOIN_MS);
        if (record === undefined) throw new JoinError('it is not running');
        return await openSocketLink(await socketOptions(context, record), events);
      },
      alone: async (events) => {
        const gateway = await gatewayFor(serving, log);
        own = gateway;
        return openProcessLink(
          (input, output) => gateway.serveStdio(input, output, context.cwd),
          MAX_MESSAGE_BYTES,
          events,
        );
      },
      maxLineBytes: config.limits.bodyBytes,
      note: (text) => note(context, `sallyport: ${text}`),
      now: () => performance.now(),
      delay: context.processes.delay,
      newId: () => `sallyport-${randomUUID()}`,
    });
    note(context, `sallyport: joined the gateway at ${found.url} (pid ${found.pid})`);
    return { relay, close: async () => own?.close() };
  } catch (error) {
    if (!(error instanceof JoinError)) throw error;
    note(context, `sallyport: cannot join the gateway at ${found.url}: ${reasonOf(error)}. Serving alone`);
    return undefined;
  }
}

async function socketOptions(
  { files, cwd }: CliContext,
  { url }: DaemonRecord,
): Promise<Parameters<typeof openSocketLink>[0]> {
  const address = new URL(url);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  const key = await openLocalKey({ directory: await files.stateDirectory() });
  const headers = { authorization: `Bearer ${key}`, 'sallyport-project': encodeURIComponent(cwd) };
  return { url: address, headers, tls: ownTls(address), timeoutMs: JOIN_MS, maxBytes: MAX_MESSAGE_BYTES };
}

function reasonOf({ status, message }: JoinError): string {
  if (status === undefined) return message;
  if (status === 401 || status === 403) return `it does not accept the local key (${status})`;
  if (status === 429 || status === 503) return `it takes no more connections now (${status})`;
  return `its WebSocket is off, see \`listen.websocket\` (${status})`;
}
