/**
 * What the tests of TLS, headers, proxies and browsers share: certificates in a folder, a gateway that speaks TLS, and requests
 * by hand over TLS and without, whose answers keep their headers as they came.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { request as requestPlain } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as requestTls } from 'node:https';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { startGateway, temporaryFolder, type Started, type StartOptions } from '../gateway/gateway.ts';
import { serveRaw, type RawHttp } from '../gateway/raw-http.ts';
import { ENVELOPE, statelessHeaders } from '../gateway/raw-client.ts';
import { openCertificates, type Authority, type Pair } from '../../packages/server/src/testing/certificates.ts';

export type { Authority, Pair } from '../../packages/server/src/testing/certificates.ts';

/** What a certificate of this gateway says. */
export const LOCALHOST = { commonName: 'localhost', subjectAltName: 'DNS:localhost', usage: 'serverAuth' } as const;

/** Files that a gateway reads, and replaced as programs that renew certificates do. */
export interface Pki extends AsyncDisposable {
  readonly folder: string;
  /** Of servers. */
  readonly authority: Authority;
  authorityOf(name: string): Authority;
  /** Atomically. Resolves with the path. */
  write(name: string, text: string): Promise<string>;
  writePair(pair: Pair): Promise<{ readonly cert: string; readonly key: string }>;
  read(name: string): Promise<string>;
}

export async function openPki(): Promise<Pki> {
  const certificates = openCertificates();
  const folder = await temporaryFolder();
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder.path, name);
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
    return path;
  };
  return {
    folder: folder.path,
    authority: certificates.authority('servers'),
    authorityOf: (name) => certificates.authority(name),
    write,
    writePair: async ({ cert, key }) => ({ key: await write('key.pem', key), cert: await write('cert.pem', cert) }),
    read: async (name) => await readFile(join(folder.path, name), 'utf8'),
    [Symbol.asyncDispose]: async () => {
      certificates.remove();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** This process takes certificates of an authority from now on, also where a library opens its connections. */
export function trustAuthority({ cert }: Pair): Disposable {
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, cert]);
  return { [Symbol.dispose]: () => setDefaultCACertificates(before) };
}

export interface Secured extends AsyncDisposable {
  readonly started: Started;
  /** The server behind, over HTTP. */
  readonly up: RawHttp;
  /** Without a path: `https://localhost:…`. */
  readonly base: string;
}

export interface SecuredOptions extends StartOptions {
  /** Besides the certificate. */
  readonly tls?: Readonly<Record<string, unknown>>;
  readonly listen?: Readonly<Record<string, unknown>>;
}

/** A gateway that speaks TLS as `localhost`, with one server behind it, named `up`. */
export async function startSecured(
  pki: Pki,
  configuration: Record<string, unknown>,
  { listen, tls, ...options }: SecuredOptions = {},
): Promise<Secured> {
  const up = await serveRaw({ era: 'session' });
  const files = await pki.writePair(pki.authority.issue(LOCALHOST));
  const started = await startGateway(
    {
      mcpServers: { up: { url: up.url, type: 'http' } },
      ...configuration,
      listen: { port: 0, host: 'localhost', ...listen, tls: { ...files, ...tls } },
    },
    options,
  );
  return {
    started,
    up,
    base: `https://localhost:${started.port}`,
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      await up[Symbol.asyncDispose]();
    },
  };
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  /** Options of TLS and of the request, such as `ca`, `cert`, `agent`, `localAddress`. */
  readonly with?: RequestOptions & { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export interface Answered {
  readonly status: number;
  /** In lower case; of a header that comes several times, all values. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Empty for a stream that goes on, and where the protocol was changed. */
  readonly body: string;
}

/** One request, on a connection of its own unless an agent is given. */
export function ask(
  url: string,
  { method = 'GET', headers = {}, body, with: more = {} }: Asked = {},
): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const send = url.startsWith('https:') ? requestTls : requestPlain;
  const outgoing = send(url, { method, headers: { ...headers } as RequestOptions['headers'], agent: false, ...more });
  const answered = (response: IncomingMessage, text: string): void =>
    resolve({ status: response.statusCode ?? 0, headers: headersOf(response), body: text });
  outgoing.on('error', reject);
  outgoing.on('upgrade', (response, socket) => {
    socket.destroy();
    answered(response, '');
  });
  outgoing.on('response', (response) => {
    const isStream = response.headers['content-type'] === 'text/event-stream';
    if (isStream) answered(response, '');
    if (isStream) outgoing.destroy();
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('end', () => answered(response, text));
    response.on('error', reject);
  });
  outgoing.end(body);
  return promise;
}

function headersOf({ headersDistinct }: IncomingMessage): Answered['headers'] {
  return Object.fromEntries(Object.entries(headersDistinct).map(([name, values = []]) => [name, values]));
}

export const MCP_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

/** Asks a gateway at a URL, in the stateless era. */
export function askMcp(
  url: string,
  method: string,
  params: Record<string, unknown>,
  { headers = {}, ...asked }: Asked = {},
): Promise<Answered> {
  const meta = { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': {} };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } });
  const own = { ...MCP_HEADERS, ...statelessHeaders(method, params) };
  return ask(url, { method: 'POST', body, ...asked, headers: { ...own, ...headers } });
}

/** Asks for the list of tools. */
export function askList(url: string, asked: Asked = {}): Promise<Answered> {
  return askMcp(url, 'tools/list', {}, asked);
}

/** The names of the tools in the answer to it. */
export function toolsOf({ body }: Answered): string[] {
  const { result } = JSON.parse(body) as {
    readonly result?: { readonly tools?: readonly { readonly name: string }[] };
  };
  return (result?.tools ?? []).map(({ name }) => name);
}
