/**
 * Children of one configured stdio server: its command is looked up, its environment put together, its era remembered.
 * It keeps hold of a child until there is a leg that does.
 */

import {
  childEnvironment,
  resolveCommand,
  startChild,
  type Child,
  type ChildEnvironment,
  type ChildOptions,
} from '@sallyport/host';
import type { Era } from '@sallyport/wire';
import type { Connected, Connector, ConnectRequest } from '../connector.ts';
import { UpstreamError, type LegEvents } from '../leg.ts';
import type { StdioTarget, UpstreamOptions } from '../upstream.ts';
import { createVerdicts, verdictKey, type Verdicts } from '../verdicts.ts';
import type { ChildHooks } from './connection.ts';
import { openStdio, type OpenedStdio } from './open.ts';

/** One child serves both kinds of callers. */
const SERVES: readonly Era[] = ['session', 'stateless'];

type Lesson = 'none' | 'child_ends' | 'verdict_may_be_wrong';

export interface StdioConnectorOptions {
  readonly upstream: UpstreamOptions;
  readonly target: StdioTarget;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
}

export function createStdioConnector(options: StdioConnectorOptions): Connector {
  return new StdioConnector(options);
}

class StdioConnector implements Connector {
  readonly isShared = true;
  readonly #options: StdioConnectorOptions;
  readonly #verdicts: Verdicts;
  /** Running, and not a leg's yet. */
  readonly #starting = new Set<Child>();
  readonly #warned = new Set<string>();
  /** What the last start, if it failed, has taught. */
  #lesson: Lesson = 'none';
  #closed = false;

  constructor(options: StdioConnectorOptions) {
    const { upstream, target } = options;
    this.#options = options;
    this.#verdicts = createVerdicts({
      store: upstream.verdicts,
      key: verdictKey(upstream.name, target),
      now: upstream.now,
      onError: (error) =>
        upstream.events.log('warn', `What "${upstream.name}" speaks cannot be kept: ${String(error)}`),
    });
  }

  async connect({ events }: ConnectRequest): Promise<Connected> {
    const lesson = this.#lesson;
    this.#lesson = 'verdict_may_be_wrong';
    const { leg, eras, proven } = await this.#open(events, await this.#knownEras(lesson));
    this.#lesson = 'none';
    // The leg has the one child that is left.
    this.#starting.clear();
    if (proven && lesson !== 'child_ends') this.#verdicts.write(eras);
    return { leg, eras, serves: SERVES, pid: leg.pid, noiseLines: () => leg.noiseLines };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#starting].map((child) => child.close()));
  }

  destroy(): void {
    this.#closed = true;
    for (const child of this.#starting) child.destroy();
  }

  #open(events: LegEvents, knownEras: readonly Era[] | undefined): Promise<OpenedStdio> {
    const { upstream, monotonic } = this.#options;
    return openStdio({
      name: upstream.name,
      start: (hooks) => this.#start(hooks, events),
      era: upstream.era,
      ...(knownEras !== undefined && { knownEras }),
      connectTimeoutMs: upstream.connectTimeoutMs,
      clientInfo: upstream.clientInfo,
      clientCapabilities: upstream.clientCapabilities,
      maxMessageBytes: upstream.maxMessageBytes,
      events,
      now: monotonic,
    });
  }

  /**
   * After a start that ended with the child's end the probe is left out: it may be what the child does not bear, and
   * each try costs a child. After any other failure what was remembered is not trusted.
   */
  async #knownEras(lesson: Lesson): Promise<readonly Era[] | undefined> {
    if (lesson === 'child_ends') return ['session'];
    return lesson === 'none' ? this.#verdicts.read() : undefined;
  }

  async #start(hooks: ChildHooks, events: LegEvents): Promise<Child> {
    const { upstream, target } = this.#options;
    const { env, risky } = childEnvironment(upstream.env, target.env, process.platform);
    const command = await resolveCommand(target.command, {
      path: pathOf(env),
      cwd: target.cwd,
      platform: process.platform,
      ...(env['PATHEXT'] !== undefined && { pathExtensions: env['PATHEXT'] }),
    });
    if (risky.length > 0) this.#warn(events, `It gets ${risky.join(', ')}, which can make it run other code.`);
    if (command.warning !== undefined) this.#warn(events, command.warning);
    this.#checkOpen();
    const options: ChildOptions = { ...hooks, command: command.path, args: [...target.args], cwd: target.cwd, env };
    return this.#launch(options, hooks);
  }

  async #launch(options: ChildOptions, hooks: ChildHooks): Promise<Child> {
    const child = await startChild({
      ...options,
      // It cannot have ended before it is known to run.
      onExit: (exit) => {
        if (this.#starting.delete(child) && !exit.requested) this.#lesson = 'child_ends';
        hooks.onExit(exit);
      },
    });
    this.#starting.add(child);
    if (this.#closed) child.destroy();
    this.#checkOpen();
    return child;
  }

  #checkOpen(): void {
    if (this.#closed) throw new UpstreamError('down', 'The gateway does not use it any more.');
  }

  #warn(events: LegEvents, text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    events.log('warn', `The server "${this.#options.upstream.name}": ${text}`);
  }
}

/** On Windows the name is `Path` as a rule. */
function pathOf(env: ChildEnvironment['env']): string {
  return env['PATH'] ?? Object.entries(env).find(([name]) => name.toUpperCase() === 'PATH')?.[1] ?? '';
}
