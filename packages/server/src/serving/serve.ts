/**
 * Serves one MCP server over several transports at once: HTTP with its doors on one port, and this process's stdio. What an
 * author does not say is what is safe; see settle.ts for what is refused. Signals of the process are the author's.
 */

import type { Writable } from 'node:stream';
import { openStdioDoor, type StdioDoor } from '../stdio/door.ts';
import type { Served } from '../exchange.ts';
import { isLoopbackHost } from '../http/shield.ts';
import { LOCAL } from './auth/provider.ts';
import { basesOf } from './bases.ts';
import { checkServeOptions } from './check-options.ts';
import { Doors } from './doors.ts';
import { ServeError } from './errors.ts';
import { guardOutput } from './guard-stdout.ts';
import { connectionsOf, statsOf, type ConnectionInfo, type ServingStats } from './facts.ts';
import { closedOnFailure, nameOf, openIdentity } from './identity.ts';
import type { Servable, ServeOptions, StdioOptions } from './options.ts';
import { createRates, type Rates } from './rates.ts';
import { settle, type Settled } from './settle.ts';
import { tlsOptionsOf, watchTls } from './tls-material.ts';
import { watch, type Watched } from './watched.ts';

export interface Serving {
  /** Of the MCP endpoint, for a client on this machine; undefined where only stdio is served. */
  readonly url: string | undefined;
  readonly port: number | undefined;
  /** Resolves when all is closed: by `close`, by `destroy`, or because the one client over stdio has left and nobody else can come. */
  readonly closed: Promise<void>;
  connections(): readonly ConnectionInfo[];
  stats(): ServingStats;
  /** Reads the files of `https` again, for connections to come. Throws, and leaves all as it was, when they cannot be used. */
  reloadTls(): void;
  /** Lets nobody in any more, and waits for what is under way, `limits.drainMs` at most. Idempotent. */
  close(): Promise<void>;
  /** Cuts everything. Idempotent. */
  destroy(): Promise<void>;
}

/** Rejects with a {@link ServeError} for options that cannot be used, or with the system's error (EADDRINUSE …). */
export async function serve(server: Servable, options: ServeOptions = {}): Promise<Serving> {
  checkServeOptions(options);
  const overHttp = hasHttp(options);
  if (!overHttp && !hasStdio(options)) throw new ServeError('nothing_to_serve');
  const settled = settle(options, options);
  const served = 'served' in server ? server.served : server;
  const running = new Running(served, settled, options);
  try {
    if (overHttp) await running.openHttp();
    if (hasStdio(options)) running.openStdio(typeof options.stdio === 'object' ? options.stdio : {});
  } catch (error) {
    await running.destroy();
    throw error;
  }
  return running;
}

function hasHttp({ http, https, sse, websocket }: ServeOptions): boolean {
  return (
    http === true ||
    typeof http === 'object' ||
    [https, sse || undefined, websocket || undefined].some((each) => each !== undefined)
  );
}

function hasStdio({ stdio }: ServeOptions): boolean {
  return stdio === true || typeof stdio === 'object';
}

interface OpenHttp {
  readonly doors: Doors;
  readonly address: { readonly port: number };
  readonly url: () => string;
  readonly closeIdentity: () => Promise<void>;
  readonly endTlsWatch: () => void;
}

class Running implements Serving {
  readonly closed: Promise<void>;
  readonly #settled: Settled;
  readonly #options: ServeOptions;
  readonly #served: Served;
  readonly #rates: Rates | undefined;
  readonly #startedMs: number;
  readonly #ended: PromiseWithResolvers<void> = Promise.withResolvers();
  #watched: Watched;
  #http: OpenHttp | undefined;
  #stdio: { readonly door: StdioDoor; readonly release: () => void } | undefined;
  #stdioClients = 0;
  #closing: Promise<void> | undefined;

  constructor(served: Served, settled: Settled, options: ServeOptions) {
    this.#served = served;
    this.#settled = settled;
    this.#options = options;
    this.closed = this.#ended.promise;
    this.#startedMs = settled.now();
    this.#rates = createRates(options.limits?.rate ?? {}, settled.monotonic, settled.log);
    this.#watched = watch({ served, rates: this.#rates, challenge: undefined, now: settled.now });
  }

  async openHttp(): Promise<void> {
    const { host, log, now, path, publicUrl } = this.#settled;
    const address = { port: 0 };
    const { https } = this.#options;
    const bases = basesOf(this.#settled, address);
    const name = await nameOf(this.#served, path);
    const identity = await openIdentity({ settled: this.#settled, bases: bases.all, name, isMounted: false });
    const challenge = identity.takesTokens ? identity.challenge : undefined;
    this.#watched = watch({ served: this.#served, rates: this.#rates, challenge, now });
    const parts = { settled: this.#settled, served: this.#watched.served, identity, rates: this.#rates };
    const doors = await closedOnFailure(identity, () => {
      return new Doors({ ...parts, tls: https && tlsOptionsOf(https, this.#needsCertificate()) });
    });
    const endTlsWatch = https === undefined ? () => {} : watchTls(https, () => this.#tryReload());
    this.#http = {
      doors,
      address,
      url: () => `${bases.own()}${path}`,
      closeIdentity: () => identity.close(),
      endTlsWatch,
    };
    address.port = (await doors.listener.listen(host, this.#settled.port)).port;
    log('info', 'serving', { url: this.url, ...(publicUrl && { publicUrl: publicUrl.href }) });
  }

  openStdio({ input, output, principal = LOCAL }: StdioOptions): void {
    const { bodyBytes, log, messageLimits } = this.#settled;
    const guarded =
      output === undefined ? guardOutput(process.stdout, process.stderr, () => log('warn', WARNING)) : undefined;
    const door = openStdioDoor({
      input: input ?? process.stdin,
      output: (output ?? guarded?.stream) as Writable,
      served: this.#watched.served,
      principal,
      folder: process.cwd(),
      maxLineBytes: bodyBytes,
      messageLimits,
    });
    this.#stdio = { door, release: () => guarded?.release() };
    this.#stdioClients = 1;
    void door.done.then(() => {
      this.#stdioClients = 0;
      // Nobody else can come.
      return this.#http === undefined ? this.close() : undefined;
    });
  }

  get url(): string | undefined {
    return this.#http?.url();
  }

  get port(): number | undefined {
    return this.#http?.address.port;
  }

  connections(): readonly ConnectionInfo[] {
    return connectionsOf(this.#watched);
  }

  stats(): ServingStats {
    const [startedMs, stdio] = [this.#startedMs, this.#stdioClients];
    return statsOf({ startedMs, watched: this.#watched, doors: this.#http?.doors, stdio });
  }

  reloadTls(): void {
    this.#http?.doors.listener.reloadTls();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close(this.#settled.drainMs);
    return this.#closing;
  }

  /** What waits in `close` goes on as soon as everything is cut. */
  async destroy(): Promise<void> {
    this.#closing ??= this.#close(0);
    this.#http?.doors.close();
    this.#http?.doors.listener.cut();
    this.#stdio?.door.close();
    await this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    this.#http?.endTlsWatch();
    this.#watched.drain();
    this.#stdio?.door.drain();
    await Promise.all([this.#http?.doors.drain(graceMs), this.#stdio && within(this.#stdio.door.done, graceMs)]);
    this.#http?.doors.close();
    this.#stdio?.door.close();
    this.#stdio?.release();
    await this.#http?.closeIdentity();
    this.#ended.resolve();
  }

  #tryReload(): void {
    try {
      this.reloadTls();
      this.#settled.log('info', 'the certificates were read again');
    } catch (error) {
      this.#settled.log('error', 'the new certificates cannot be used: those before stay in force', { error });
    }
  }

  /** Where there is no other way in, a connection without a certificate is not even made. */
  #needsCertificate(): boolean {
    const { host, providers } = this.#settled;
    return providers.length > 0 && providers.every(({ kind }) => kind === 'mtls') && !isLoopbackHost(host);
  }
}

const WARNING =
  'something was written to standard output, on which MCP is spoken: it goes to standard error. Use console.error, or a logger.';

async function within(what: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([what, promise]);
  clearTimeout(timer);
}
