/**
 * Legs to one configured server over HTTP of which it is not known whether it speaks Streamable HTTP or legacy HTTP+SSE
 * (2025-11-25, transports, "Backwards Compatibility"). What was found is remembered; a server that turns out to speak the
 * other one is found again.
 */

import { errorOf } from './ask.ts';
import type { Connected, Connector, ConnectRequest } from './connector.ts';
import { createHttpConnector } from './http/connector.ts';
import { UpstreamError } from './leg.ts';
import { createSseConnector } from './sse/connector.ts';
import type { GuessedTransport, HttpTarget, UpstreamOptions } from './upstream.ts';
import { createVerdicts, verdictKey, type Verdicts } from './verdicts.ts';

export interface GuessingConnectorOptions {
  readonly upstream: UpstreamOptions;
  readonly target: HttpTarget;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
}

/** Opens no connection yet. */
export function createGuessingConnector(options: GuessingConnectorOptions): Connector {
  return new GuessingConnector(options);
}

class GuessingConnector implements Connector {
  /** Over HTTP there is a leg for each era, and that may be what is found. */
  readonly isShared = false;
  readonly #options: GuessingConnectorOptions;
  readonly #verdicts: Verdicts;
  readonly #connectors = new Map<GuessedTransport, Connector>();
  #streamStart: Promise<Connected> | undefined;
  #found: GuessedTransport | undefined;
  #closed = false;

  constructor(options: GuessingConnectorOptions) {
    const { upstream, target } = options;
    const { name, verdicts, now, events } = upstream;
    this.#options = options;
    this.#verdicts = createVerdicts({
      store: verdicts,
      key: verdictKey(name, target),
      now,
      onError: (error) => events.log('warn', `What "${name}" speaks cannot be read: ${String(error)}`),
    });
  }

  async connect(request: ConnectRequest): Promise<Connected> {
    const first = this.#found ?? (await this.#verdicts.read())?.transport ?? this.#likely();
    try {
      return await this.#connectOver(first, request);
    } catch (error) {
      if (!(error instanceof UpstreamError) || !mayBeOther(first, error)) throw error;
      this.#found = undefined;
      return this.#connectInstead(first === 'http' ? 'sse' : 'http', request, error);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#connectors.values()].map((connector) => connector.close()));
  }

  destroy(): void {
    this.#closed = true;
    for (const connector of this.#connectors.values()) connector.destroy();
  }

  /** Where nobody has looked yet. */
  #likely(): GuessedTransport {
    return this.#options.target.url.pathname.endsWith('/sse') ? 'sse' : 'http';
  }

  async #connectOver(transport: GuessedTransport, request: ConnectRequest): Promise<Connected> {
    const connected = await (transport === 'sse' ? this.#connectStream(request) : this.#connect(transport, request));
    this.#found = transport;
    return connected;
  }

  /** One stream serves callers of both eras, who share a start. */
  #connectStream(request: ConnectRequest): Promise<Connected> {
    this.#streamStart ??= this.#connect('sse', request).finally(() => {
      this.#streamStart = undefined;
    });
    return this.#streamStart;
  }

  async #connect(transport: GuessedTransport, request: ConnectRequest): Promise<Connected> {
    return this.#connectorOf(transport).connect(request);
  }

  async #connectInstead(
    transport: GuessedTransport,
    request: ConnectRequest,
    first: UpstreamError,
  ): Promise<Connected> {
    try {
      return await this.#connectOver(transport, request);
    } catch (error) {
      // What it says of a credential, or that it is down, is of more use than that it is not the one thing nor the other.
      if (!(error instanceof UpstreamError) || !mayBeOther(transport, error)) throw error;
      const text = `${first.message} The other transport over HTTP was tried too: ${error.message}`;
      throw new UpstreamError(first.reason, text, { cause: first });
    }
  }

  #connectorOf(transport: GuessedTransport): Connector {
    if (this.#closed) throw new UpstreamError('down', 'The server is not used any more.');
    const { upstream, target, monotonic } = this.#options;
    const connector =
      this.#connectors.get(transport) ??
      (transport === 'http'
        ? createHttpConnector({ upstream, target, monotonic })
        : createSseConnector({ upstream, target, monotonic, isGuess: true }));
    this.#connectors.set(transport, connector);
    return connector;
  }
}

/** How a server refuses a request that its transport does not know. */
const UNKNOWN_THERE: ReadonlySet<number | undefined> = new Set([400, 404, 405]);

/** Whether the failure leaves it open that the server speaks the other transport. */
function mayBeOther(transport: GuessedTransport, error: UpstreamError): boolean {
  if (transport === 'sse') return error.reason === 'protocol' || error.reason === 'timeout';
  // A JSON-RPC error was written by a server that knows what a POST here is.
  return error.reason === 'protocol' && UNKNOWN_THERE.has(error.status) && errorOf(error) === undefined;
}
