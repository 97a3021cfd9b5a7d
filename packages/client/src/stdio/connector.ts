/**
 * Children of one configured stdio server: its command is looked up, its environment put together, and a child's pipes are
 * the channel (MCP, transports, stdio: one message per line).
 */

import {
  childEnvironment,
  resolveCommand,
  startChild,
  type Reaper,
  type ChildEnvironment,
  type ChildExit,
} from '@sallyport/host';
import type { Connector } from '../connector.ts';
import type { Channel, ChannelHooks, OpenChannel } from '../duplex/channel.ts';
import { createDuplexConnector } from '../duplex/connector.ts';
import { UpstreamError, type LegEvents } from '../leg.ts';
import type { ChildCommand, OnWire, PreparedChild, StdioTarget, UpstreamOptions } from '../upstream.ts';

export interface StdioConnectorOptions {
  readonly upstream: UpstreamOptions;
  readonly target: StdioTarget;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
}

export function createStdioConnector({ upstream, target, monotonic }: StdioConnectorOptions): Connector {
  const warned = new Set<string>();
  const open: OpenChannel = async (hooks, { events, signal }) => {
    const prepare = async (): Promise<PreparedChild> => {
      const { command, warnings } = await commandOf(target, upstream.env);
      for (const text of warnings.filter((warning) => !warned.has(warning))) {
        warned.add(text);
        events.log('warn', `The server "${upstream.name}": ${text}`);
      }
      checkWanted(signal);
      const prepared = (await upstream.launch?.(command)) ?? { ...command, release: async () => undefined };
      if (signal.aborted) await prepared.release();
      checkWanted(signal);
      return prepared;
    };
    const { name, onWire, reaper } = upstream;
    const options = { name, prepare, events, ...(reaper !== undefined && { reaper }) };
    return onWire === undefined ? openChild({ ...options, hooks }) : overheard(onWire, options, hooks);
  };
  return createDuplexConnector({ upstream, open, opensFree: true, monotonic });
}

async function overheard(
  onWire: OnWire,
  options: Omit<ChildChannelOptions, 'hooks'>,
  hooks: ChannelHooks,
): Promise<Channel> {
  const onMessage = (bytes: Buffer): void => {
    onWire('in', bytes);
    hooks.onMessage(bytes);
  };
  const onNoise = (text: string): void => options.events.log('info', text, { server: options.name, stream: 'stdout' });
  const channel = await openChild({ ...options, onNoise, hooks: { ...hooks, onMessage } });
  return {
    get pid() {
      return channel.pid;
    },
    get noiseLines() {
      return channel.noiseLines;
    },
    get backlogBytes() {
      return channel.backlogBytes;
    },
    send: (text, requestId) => {
      onWire('out', Buffer.from(text));
      channel.send(text, requestId);
    },
    whenOrdered: () => channel.whenOrdered(),
    close: () => channel.close(),
    destroy: () => channel.destroy(),
  };
}

function checkWanted(signal: AbortSignal): void {
  if (signal.aborted) throw new Error('The server is not used any more.');
}

export interface ChildChannelOptions {
  /** The server's name in the configuration, for messages. */
  readonly name: string;
  readonly prepare: () => Promise<PreparedChild>;
  readonly hooks: ChannelHooks;
  readonly events: LegEvents;
  readonly reaper?: Reaper;
  /** A line that it printed, and that is no message. */
  readonly onNoise?: (text: string) => void;
}

/** Starts a child. Rejects with `UpstreamError` (`down`) when it cannot be started. */
export async function openChild(options: ChildChannelOptions): Promise<Channel> {
  const { name, prepare } = options;
  try {
    const { release, ...command } = await prepare();
    return await started(command, onlyOnce(release), options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UpstreamError('down', `The server "${name}" could not be started. ${reason}`, { cause: error });
  }
}

async function started(
  command: ChildCommand,
  release: () => Promise<void>,
  { name, hooks, events, reaper, onNoise }: ChildChannelOptions,
): Promise<Channel> {
  const child = await startChild({
    ...command,
    ...(reaper !== undefined && { reaper }),
    ...(onNoise !== undefined && { onNoise }),
    maxLineBytes: hooks.maxMessageBytes,
    onLine: hooks.onMessage,
    onOversize: hooks.onOversize,
    onStderr: (text) => {
      const id = hooks.logId();
      events.log('info', text, { server: name, stream: 'stderr', ...(id !== undefined && { id }) });
    },
    onExit: (exit) => {
      void release();
      hooks.onDown(exitError(name, exit), exit.requested);
    },
  }).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  return {
    pid: child.pid,
    get noiseLines() {
      return child.noise.lines;
    },
    get backlogBytes() {
      return child.backlogBytes;
    },
    send: (text) => child.send(text),
    whenOrdered: () => Promise.resolve(),
    close: async () => {
      await child.close();
      await release();
    },
    destroy: () => child.destroy(),
  };
}

function onlyOnce(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= act());
}

function exitError(name: string, exit: ChildExit): UpstreamError {
  const how = exit.signal === null ? `with code ${exit.code}` : `by ${exit.signal}`;
  const tail = exit.stderrTail === '' ? '' : ` It said last: ${exit.stderrTail}`;
  const { code, signal } = exit;
  return new UpstreamError('down', `The server "${name}" ended ${how}.${tail}`, { cause: { code, signal } });
}

interface Prepared {
  readonly command: ChildCommand;
  readonly warnings: readonly string[];
}

async function commandOf(target: StdioTarget, gatewayEnv: UpstreamOptions['env']): Promise<Prepared> {
  const { env, risky } = childEnvironment(gatewayEnv, target.env, process.platform);
  const { path, warning } = await resolveCommand(target.command, {
    path: pathOf(env),
    cwd: target.cwd,
    platform: process.platform,
    ...(env['PATHEXT'] !== undefined && { pathExtensions: env['PATHEXT'] }),
  });
  const riskyWarning = `It gets ${risky.join(', ')}, which can make it run other code.`;
  return {
    command: { command: path, args: [...target.args], cwd: target.cwd, env },
    warnings: [...(risky.length > 0 ? [riskyWarning] : []), ...(warning === undefined ? [] : [warning])],
  };
}

/** On Windows the name is `Path` as a rule. */
function pathOf(env: ChildEnvironment['env']): string {
  return env['PATH'] ?? Object.entries(env).find(([name]) => name.toUpperCase() === 'PATH')?.[1] ?? '';
}
