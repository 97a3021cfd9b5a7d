/**
 * Legs to one configured server over Streamable HTTP: a leg for each era that it speaks, on demand, over one pool of
 * connections. It remembers which eras those are.
 */

import type { Era } from '@sallyport/wire';
import type { Connected, Connector, ConnectRequest } from '../connector.ts';
import { UpstreamError, type Leg, type LegEvents } from '../leg.ts';
import type { HttpTarget, UpstreamOptions } from '../upstream.ts';
import { createVerdicts, verdictKey, type Verdicts } from '../verdicts.ts';
import { dispatcherOf } from './authorized.ts';
import type { HttpDispatcher } from './dispatcher.ts';
import { openHttpSession, openHttpStateless, probeHttp } from './open.ts';
import type { HttpOptions } from './options.ts';

const BOTH: readonly Era[] = ['session', 'stateless'];

export interface HttpConnectorOptions {
  readonly upstream: UpstreamOptions;
  readonly target: HttpTarget;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
}

/** Opens no connection yet. */
export function createHttpConnector(options: HttpConnectorOptions): Connector {
  return new HttpConnector(options);
}

/** A leg, and the eras that the server is known to speak. */
interface Opened {
  readonly leg: Leg;
  readonly eras: readonly Era[];
}

class HttpConnector implements Connector {
  readonly isShared = false;
  readonly #options: HttpConnectorOptions;
  readonly #verdicts: Verdicts;
  readonly #dispatcher: HttpDispatcher;
  #trustsVerdict = true;
  /** It was tried, in this process, whether the server begins sessions. */
  #triedSession = false;

  constructor(options: HttpConnectorOptions) {
    const { upstream, target } = options;
    const { verdicts, name, now, events } = upstream;
    this.#options = options;
    this.#dispatcher = dispatcherOf(upstream, target);
    this.#verdicts = createVerdicts({
      store: verdicts,
      key: verdictKey(name, target),
      ...(target.guess === true && { transport: 'http' }),
      now,
      onError: (error) => events.log('warn', `What "${name}" speaks cannot be kept: ${String(error)}`),
    });
  }

  async connect({ preferred, events }: ConnectRequest): Promise<Connected> {
    const trusted = this.#trustsVerdict;
    // A start that fails leaves it so: the next one looks afresh.
    this.#trustsVerdict = false;
    const { leg, eras } = await this.#open(preferred, this.#httpOptions(events), trusted);
    this.#trustsVerdict = true;
    return { leg, eras, serves: this.#servedBy(leg, eras), pid: undefined, noiseLines: () => 0 };
  }

  async close(): Promise<void> {
    // The legs have ended; what is left is being started.
    await this.#dispatcher.destroy();
  }

  destroy(): void {
    void this.#dispatcher.destroy();
  }

  async #open(preferred: Era, options: HttpOptions, trusted: boolean): Promise<Opened> {
    const { era } = this.#options.upstream;
    if (era !== 'auto') return { leg: await openAs(era, options), eras: [era] };
    const known = trusted ? (await this.#verdicts.read())?.eras : undefined;
    const fallback = known?.[0];
    if (known === undefined || fallback === undefined || this.#mayBegin(preferred, known)) {
      return this.#probe(preferred, options);
    }
    try {
      return { leg: await openAs(known.includes(preferred) ? preferred : fallback, options), eras: known };
    } catch (error) {
      if (!(error instanceof UpstreamError) || error.reason !== 'protocol') throw error;
      return this.#probe(preferred, options);
    }
  }

  async #probe(preferred: Era, options: HttpOptions): Promise<Opened> {
    const opened = await probeHttp(options, preferred);
    if (preferred === 'session') this.#triedSession = true;
    this.#verdicts.write(opened.eras);
    return opened;
  }

  /** A server of the stateless era need not say that it begins sessions too. */
  #mayBegin(preferred: Era, known: readonly Era[]): boolean {
    return preferred === 'session' && !known.includes('session') && !this.#triedSession;
  }

  /** A leg stands in for the other era once it is known that the server does not speak it. */
  #servedBy(leg: Leg, eras: readonly Era[]): readonly Era[] {
    if (this.#options.upstream.era !== 'auto') return BOTH;
    return eras.length > 1 || this.#mayBegin('session', eras) ? [leg.era] : BOTH;
  }

  #httpOptions(events: LegEvents): HttpOptions {
    const { upstream, target, monotonic } = this.#options;
    return {
      url: target.url,
      headers: target.headers,
      env: upstream.env,
      dispatcher: this.#dispatcher,
      connectTimeoutMs: upstream.connectTimeoutMs,
      maxMessageBytes: upstream.maxMessageBytes,
      clientInfo: upstream.clientInfo,
      clientCapabilities: upstream.clientCapabilities,
      events,
      now: monotonic,
    };
  }
}

function openAs(era: Era, options: HttpOptions): Promise<Leg> {
  return era === 'session' ? openHttpSession(options) : openHttpStateless(options);
}
