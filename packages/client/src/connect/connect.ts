/** One way in for all transports and both eras: from a target to a client whose server has been reached. */

import { readFileSync } from 'node:fs';
import { MAX_UPSTREAM_BYTES } from '@sallyport/wire';
import { unrefTimer } from '../clock.ts';
import type { StdioTarget } from '../upstream.ts';
import type { Client } from './api.ts';
import { LinkedClient } from './client.ts';
import { createInputs, type Inputs } from './inputs.ts';
import { createLink, type LinkOptions } from './link.ts';
import { createLogins, type Logins } from './login.ts';
import type { ClientParts, ConnectOptions, Diagnostic } from './options.ts';
import { targetOf, type ConnectTarget, type RemoteTarget } from './target.ts';

const CONNECT_MS = 10_000;
const TIMEOUT_MS = 60_000;
const MAX_MS = 30 * 60_000;
const INPUT_MS = 10 * 60_000;
const BEAT_MS = 30_000;
const BEAT_TIMEOUT_MS = 10_000;

/**
 * Reaches a server and resolves with its client. `target`: a URL, `{ command, args }` of a program, or `{ url, headers, … }`.
 * Rejects with `ClientError` when the server cannot be reached, and nothing is left open then; with a TypeError when the
 * target or the options are none.
 *
 * @example
 * await using client = await connect({ command: 'node', args: ['server.js'] });
 * const { content } = await client.callTool('add', { a: 1, b: 2 });
 */
export async function connect(target: ConnectTarget, options: ConnectOptions = {}): Promise<Client> {
  const client = await openClient(target, options);
  try {
    await client.start(options.signal);
    return client;
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/** The same without reaching for the server. `name`: of it, for messages and handlers. Rejects with a TypeError alone. */
export async function openClient(
  given: ConnectTarget,
  options: ConnectOptions,
  parts: ClientParts = systemParts(),
  name?: string,
): Promise<LinkedClient> {
  const target = targetOf(given, process.cwd());
  const server = name ?? nameOf(target);
  const onDiagnostic = safely(options.onDiagnostic);
  const logins = await loginsFor(target, { ...options, onDiagnostic }, parts);
  const { timeoutMs = TIMEOUT_MS, maxMs = MAX_MS, roots } = options;
  const inputs = inputsFor(server, { ...options, onDiagnostic }, parts);
  return new LinkedClient(
    { inputs, hasRoots: roots !== undefined, timeoutMs, maxMs, monotonic: parts.monotonic, onDiagnostic },
    (client) =>
      createLink(
        {
          ...linkSettings(options),
          name: server,
          target,
          logins,
          capabilities: inputs.capabilities,
          onUnattributed: (message) => inputs.ask(message),
          onNotification: (message) => client.onNotification(message),
          onUp: (leg, isAgain) => client.onUp(leg, isAgain),
          onState: (state, error) => client.onState(state, error),
          onDiagnostic,
          ...(options.onWire !== undefined && { onWire: options.onWire }),
        },
        parts,
      ),
  );
}

/** A connection must not suffer from who only listens. */
function safely(listener: ConnectOptions['onDiagnostic']): (diagnostic: Diagnostic) => void {
  return (diagnostic) => {
    try {
      listener?.(diagnostic);
    } catch {
      // There is nobody to tell.
    }
  };
}

function systemParts(): ClientParts {
  return { setTimer: unrefTimer, monotonic: () => performance.now(), random: Math.random, env: process.env };
}

function inputsFor(server: string, options: ConnectOptions, { setTimer }: ClientParts): Inputs {
  const { capabilities = {}, inputMs = INPUT_MS, elicitation, sampling, roots, onDiagnostic } = options;
  const handlers = {
    ...(elicitation !== undefined && { elicitation }),
    ...(sampling !== undefined && { sampling }),
    ...(roots !== undefined && { roots }),
  };
  const onFailure = (text: string): void => onDiagnostic?.({ level: 'warn', text, detail: undefined });
  return createInputs({ server, handlers, capabilities, inputMs, setTimer, onFailure });
}

function linkSettings({
  era = 'auto',
  connectTimeoutMs = CONNECT_MS,
  maxMessageBytes = MAX_UPSTREAM_BYTES,
  heartbeat,
  reconnect = true,
  clientInfo = ownInfo(),
}: ConnectOptions): Pick<
  LinkOptions,
  'era' | 'connectTimeoutMs' | 'maxMessageBytes' | 'heartbeat' | 'reconnect' | 'clientInfo'
> {
  return {
    era,
    connectTimeoutMs,
    maxMessageBytes,
    heartbeat: { intervalMs: BEAT_MS, timeoutMs: BEAT_TIMEOUT_MS, ...heartbeat },
    reconnect,
    clientInfo: { ...clientInfo },
  };
}

async function loginsFor(
  target: StdioTarget | RemoteTarget,
  { oauth, onDiagnostic }: ConnectOptions,
  { env, setTimer }: ClientParts,
): Promise<Logins | undefined> {
  if (oauth === undefined) return undefined;
  if (target.kind === 'stdio')
    throw new TypeError('`oauth` is for servers on the network; give a program its key by `env`.');
  if (target.headers['authorization'] !== undefined) throw new TypeError('Give `oauth` or a header `authorization`.');
  const log = (level: 'warn', text: string): void => onDiagnostic?.({ level, text, detail: undefined });
  return await createLogins({ oauth, url: target.url, tls: target.tls, env, setTimer, log });
}

/** For messages: without what may be secret in a URL. */
function nameOf(target: StdioTarget | RemoteTarget): string {
  return target.kind === 'stdio' ? target.command : target.url.origin + target.url.pathname;
}

function ownInfo(): { readonly name: string; readonly version: string } {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { name, version } = JSON.parse(text) as ReturnType<typeof ownInfo>;
  return { name, version };
}
