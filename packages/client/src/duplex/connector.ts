/**
 * Legs to one configured server over channels, one at a time: its era is remembered, and a channel is held on to until
 * there is a leg that does. What a channel is made of is given.
 */

import type { Era } from '@sallyport/wire';
import type { Connected, Connector, ConnectRequest } from '../connector.ts';
import { UpstreamError, type LegEvents } from '../leg.ts';
import type { GuessedTransport, UpstreamOptions } from '../upstream.ts';
import { createVerdicts, verdictKey, type Verdicts } from '../verdicts.ts';
import type { Channel, ChannelHooks, OpenChannel } from './channel.ts';
import { openDuplex, type OpenedDuplex } from './open.ts';

/** One leg serves both kinds of callers. */
const SERVES: readonly Era[] = ['session', 'stateless'];

type Lesson = 'none' | 'ends' | 'verdict_may_be_wrong';

export interface DuplexConnectorOptions {
  readonly upstream: UpstreamOptions;
  /** Overrides what is configured, for a transport that has one era alone. */
  readonly era?: Era;
  readonly transport?: GuessedTransport;
  readonly open: OpenChannel;
  readonly opensFree?: boolean;
  /** Frees what channels share; they have ended. */
  readonly free?: () => void;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
}

export function createDuplexConnector(options: DuplexConnectorOptions): Connector {
  return new DuplexConnector(options);
}

class DuplexConnector implements Connector {
  readonly isShared = true;
  readonly #options: DuplexConnectorOptions;
  readonly #verdicts: Verdicts;
  /** Open, and not a leg's yet. */
  readonly #starting = new Set<Channel>();
  /** What the last start, if it failed, has taught. */
  #lesson: Lesson = 'none';
  /** Aborted when it is closed. */
  readonly #ending = new AbortController();

  constructor(options: DuplexConnectorOptions) {
    const { upstream, transport } = options;
    const { name, target, verdicts, now, events } = upstream;
    this.#options = options;
    this.#verdicts = createVerdicts({
      store: verdicts,
      ...(transport !== undefined && { transport }),
      key: verdictKey(name, target),
      now,
      onError: (error) => events.log('warn', `What "${name}" speaks cannot be kept: ${String(error)}`),
    });
  }

  async connect({ events }: ConnectRequest): Promise<Connected> {
    const lesson = this.#lesson;
    this.#lesson = 'verdict_may_be_wrong';
    const { leg, eras, proven } = await this.#open(events, await this.#knownEras(lesson));
    this.#lesson = 'none';
    // The leg has the one channel that is left.
    this.#starting.clear();
    if (proven && lesson !== 'ends') this.#verdicts.write(eras);
    return { leg, eras, serves: SERVES, pid: leg.pid, noiseLines: () => leg.noiseLines };
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all([...this.#starting].map((channel) => channel.close()));
    this.#options.free?.();
  }

  destroy(): void {
    this.#ending.abort();
    for (const channel of this.#starting) channel.destroy();
    this.#options.free?.();
  }

  #open(events: LegEvents, knownEras: readonly Era[] | undefined): Promise<OpenedDuplex> {
    const { upstream, era, monotonic, opensFree } = this.#options;
    return openDuplex({
      name: upstream.name,
      open: (hooks) => this.#start(hooks, events),
      era: era ?? upstream.era,
      ...(opensFree !== undefined && { opensFree }),
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
   * After a start in which the server ended the channel the probe is left out: it may be what the server does not bear, and
   * each try may cost a child. After any other failure what was remembered is not trusted.
   */
  async #knownEras(lesson: Lesson): Promise<readonly Era[] | undefined> {
    if (lesson === 'ends') return ['session'];
    return lesson === 'none' ? (await this.#verdicts.read())?.eras : undefined;
  }

  async #start(hooks: ChannelHooks, events: LegEvents): Promise<Channel> {
    this.#checkOpen();
    const opening: { channel?: Channel } = {};
    const channel = await this.#options.open(
      {
        ...hooks,
        onDown: (error, requested) => {
          const wasStarting = opening.channel !== undefined && this.#starting.delete(opening.channel);
          if (wasStarting && !requested) this.#lesson = 'ends';
          hooks.onDown(error, requested);
        },
      },
      { events, signal: this.#ending.signal },
    );
    opening.channel = channel;
    this.#starting.add(channel);
    if (this.#ending.signal.aborted) channel.destroy();
    this.#checkOpen();
    return channel;
  }

  #checkOpen(): void {
    if (this.#ending.signal.aborted) throw new UpstreamError('down', 'The server is not used any more.');
  }
}
