/**
 * The specification server at work: on this process's stdio, or over HTTP with `/healthz` for all and `/metrics` for whoever may
 * call. Everything about transports, authentication and limits is @sallyport/server's; signals are the caller's.
 */
import { createLog, isLoopbackHost, serve, ServeError, type Serving, type ServeOptions } from '@sallyport/server';
import { apiKey } from '@sallyport/server/auth';
import { SpecError } from '../errors.ts';
import { createSpecServer, type SpecServerOptions } from '../server.ts';
import { METRICS_TYPE, metricsText } from './metrics.ts';
import type { ServingSettings } from './environment.ts';

/** Over HTTP. */
export interface HttpFace extends ServingSettings {
  /** PEM, or the paths of files with it. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** A proxy in front speaks TLS: plain HTTP beyond this machine is meant. */
  readonly behindProxy?: boolean;
}

export interface ServeSpecOptions extends SpecServerOptions {
  /** Without them: stdio. */
  readonly http?: HttpFace;
  /** Lines of the log, each with its line break. */
  readonly log: (line: string) => void;
}

export interface ServingSpec {
  /** Undefined on stdio. */
  readonly url: string | undefined;
  /** Resolves when it is over, by `close`, `destroy`, or because the client on stdio left. */
  readonly closed: Promise<void>;
  /** Lets what is under way end. */
  close(): Promise<void>;
  /** Cuts it. */
  destroy(): Promise<void>;
}

/** Whoever opens it to the network says so twice: with a key, and with TLS or a proxy that speaks it. */
function refuseOpen({ host, apiKey: key, tls, behindProxy }: HttpFace): void {
  if (isLoopbackHost(host)) return;
  if (key === undefined) {
    throw new SpecError(
      'gate',
      `${host} is reachable from the network, and API_KEY is not set. Set it, or listen on 127.0.0.1.`,
    );
  }
  if (tls !== undefined || behindProxy === true) return;
  const how = 'Give --tls-cert and --tls-key, put a TLS proxy in front and say --behind-proxy, or listen on 127.0.0.1.';
  throw new SpecError('gate', `${host} is reachable from the network, and the key would be sent in the open. ${how}`);
}

function httpOptions(face: HttpFace, serving: () => Serving | undefined): ServeOptions {
  const { host, port, apiKey: key, origins, rate, sessionIdleMs, tls, behindProxy } = face;
  refuseOpen(face);
  return {
    http: { host, port },
    ...(tls === undefined ? {} : { https: tls }),
    ...(behindProxy === true ? { plainBehindProxy: true } : {}),
    origins,
    sessions: { idleMs: sessionIdleMs },
    limits: { rate: rate === false ? false : { perAddress: rate } },
    ...(key === undefined ? {} : { auth: apiKey({ keys: [{ name: 'api-key', key, roles: [] }] }) }),
    routes: [
      {
        path: '/metrics',
        auth: 'required',
        handle: (_request, response) => {
          const stats = serving()?.stats();
          response.writeHead(200, { 'Content-Type': METRICS_TYPE }).end(stats === undefined ? '' : metricsText(stats));
        },
      },
    ],
  };
}

/** Rejects with a SpecError for folders and settings that cannot be used. */
export async function serveSpec({ http, log, ...options }: ServeSpecOptions): Promise<ServingSpec> {
  const spec = createSpecServer(options);
  const lines = createLog({ write: log, now: options.now, level: http?.logLevel ?? 'warn' });
  const known: { serving?: Serving } = {};
  const transports =
    http === undefined ? { stdio: true } : { ...httpOptions(http, () => known.serving), query: spec.query };
  const serving = await serve(spec.server, { ...transports, log: lines, now: options.now }).catch((error: unknown) => {
    if (error instanceof ServeError) throw new SpecError('invalid_input', error.message);
    throw error;
  });
  known.serving = serving;
  const watching = spec.watch();
  const closed = serving.closed.then(() => {
    watching.close();
    spec.server.close();
  });
  return {
    url: serving.url,
    closed,
    close: async () => serving.close(),
    destroy: async () => serving.destroy(),
  };
}
