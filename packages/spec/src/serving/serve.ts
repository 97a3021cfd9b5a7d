/**
 * The specification server at work: on this process's stdio, or over HTTP with `/healthz` for all and `/metrics` for whoever may
 * call. Everything about transports, authentication and limits is @sallyport/server's; signals are the caller's.
 */
import { createLog, isLoopbackHost, serve, ServeError, type Serving, type ServeOptions } from '@sallyport/server';
import { apiKey } from '@sallyport/server/auth';
import { SpecError } from '../errors.ts';
import { createSpecServer, type SpecServerOptions } from '../server.ts';
import { addCall, type ToolCall, type ToolCount } from './calls.ts';
import { METRICS_TYPE, metricsText } from './metrics.ts';
import type { ServingSettings } from './environment.ts';

/** Over HTTP. */
export interface HttpFace extends ServingSettings {
  /** PEM, or the paths of files with it. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Addresses and networks (CIDR) of proxies in front that speak TLS: their word on who calls is taken. */
  readonly proxies?: readonly string[];
  /** Where clients reach it, when that is not its own address. */
  readonly publicUrl?: string;
}

export interface ServeSpecOptions extends Omit<SpecServerOptions, 'onCall'> {
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

const isOpen = ({ host, proxies = [], publicUrl }: HttpFace): boolean =>
  !isLoopbackHost(host) || proxies.length > 0 || publicUrl !== undefined;

/** Whoever opens it to the network says so with a key, with TLS or a proxy that speaks it, and with its name there. */
function refuseOpen(face: HttpFace): void {
  const { host, apiKey: key, tls, proxies = [], publicUrl } = face;
  if (publicUrl !== undefined) checkPublic(publicUrl);
  if (!isOpen(face)) return;
  if (key === undefined) {
    const how = 'Set it, or listen on 127.0.0.1 without a proxy and a public URL.';
    throw new SpecError('gate', `${host} is meant to be reached from the network, and API_KEY is not set. ${how}`);
  }
  if (tls === undefined && proxies.length === 0 && !isLoopbackHost(host)) {
    const how =
      'Give --tls-cert and --tls-key, put a TLS proxy in front and name its address with --behind-proxy, or listen on 127.0.0.1.';
    throw new SpecError('gate', `${host} is reachable from the network, and the key would be sent in the open. ${how}`);
  }
  if (publicUrl === undefined && ANY_HOST.has(host)) {
    const how = 'Say with --public-url which name that is: requests for other names are refused.';
    throw new SpecError('gate', `${host} is every address of this machine, and clients reach it by a name. ${how}`);
  }
}

const ANY_HOST: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

function checkPublic(text: string): void {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname))) return;
  throw new SpecError('invalid_input', `${JSON.stringify(text)} is no public URL: write https:// and the name.`);
}

/** `metrics`: the text at `/metrics`. */
function httpOptions(face: HttpFace, metrics: () => string): ServeOptions {
  const { host, port, apiKey: key, origins, rate, sessionIdleMs, tls, proxies = [], publicUrl } = face;
  refuseOpen(face);
  return {
    http: { host, port },
    ...(tls === undefined ? {} : { https: tls }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
    plainBehindProxy: proxies.length > 0,
    trustProxy: proxies,
    origins,
    sessions: { idleMs: sessionIdleMs },
    limits: { rate: rate === false ? false : { perAddress: rate } },
    ...(key === undefined ? {} : { auth: apiKey({ keys: [{ name: 'api-key', key, roles: [] }] }) }),
    routes: [
      {
        path: '/metrics',
        auth: 'required',
        handle: (_request, response) => {
          response.writeHead(200, { 'Content-Type': METRICS_TYPE }).end(metrics());
        },
      },
    ],
  };
}

/** Rejects with a SpecError for folders and settings that cannot be used. */
export async function serveSpec({ http, log, ...options }: ServeSpecOptions): Promise<ServingSpec> {
  const tools = new Map<string, ToolCount>();
  const counted = http === undefined ? {} : { onCall: (call: ToolCall): void => addCall(tools, call) };
  const spec = createSpecServer({ ...options, ...counted });
  const lines = createLog({ write: log, now: options.now, level: http?.logLevel ?? 'warn' });
  const known: { serving?: Serving } = {};
  const metrics = (): string => (known.serving === undefined ? '' : metricsText(known.serving.stats(), tools));
  const transports = http === undefined ? { stdio: true } : { ...httpOptions(http, metrics), query: spec.query };
  const serving = await serve(spec.server, { ...transports, log: lines, now: options.now }).catch((error: unknown) => {
    if (error instanceof ServeError) throw new SpecError('invalid_input', error.message);
    throw error;
  });
  known.serving = serving;
  if (http !== undefined && isOpen(http) && http.origins.some((origin) => origin.includes('*'))) {
    lines('warn', 'pages of every origin that a wildcard stands for may call from the network', {
      origins: http.origins,
    });
  }
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
