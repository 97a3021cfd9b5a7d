/** What the tests of who calls and what they may do share: an issuer of tokens made by hand, callers, and requests by hand. */
import { createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { startGateway, type Started, type StartOptions } from '../gateway/gateway.ts';
import { serveRaw, type RawHttp } from '../gateway/raw-http.ts';
import type { RawOptions } from '../gateway/raw-server.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** Issues whatever is wanted of it, also what no issuer would. */
export interface Issuer {
  readonly issuer: string;
  /** For `auth.jwt`. */
  readonly settings: { readonly issuer: string; readonly jwks: { readonly keys: readonly JsonWebKey[] } };
  /** Good for five minutes, unless the claims say otherwise; a claim that is undefined is left out. */
  token(claims: Claims, header?: Claims): string;
}

export function createIssuer(issuer = 'https://issuer.example'): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomBytes(8).toString('hex');
  const key = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' };
  return {
    issuer,
    settings: { issuer, jwks: { keys: [key] } },
    token: (claims, header = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const all = { iss: issuer, sub: 'somebody', iat: now, exp: now + 300, ...claims };
      const signed = `${encoded({ alg: 'RS256', typ: 'at+jwt', kid, ...header })}.${encoded(all)}`;
      return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`;
    },
  };
}

/** A part of a token. */
export function encoded(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A key for `auth.keys`. */
export function randomKey(): string {
  return randomBytes(32).toString('base64url');
}

export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

export interface Guarded extends AsyncDisposable {
  readonly started: Started;
  /** The server behind, over HTTP. */
  readonly up: RawHttp;
  /** Without a path. */
  readonly base: string;
}

/** A gateway with one server behind it, named `up`. */
export async function startGuarded(
  configuration: Record<string, unknown>,
  { server, ...options }: StartOptions & { readonly server?: Partial<RawOptions> } = {},
): Promise<Guarded> {
  const up = await serveRaw({ era: 'session', ...server });
  const mcpServers = { up: { url: up.url, type: 'http' } };
  const started = await startGateway({ mcpServers, ...configuration }, options);
  return {
    started,
    up,
    base: `http://127.0.0.1:${started.port}`,
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      await up[Symbol.asyncDispose]();
    },
  };
}

export interface Knocked {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty for a stream that goes on. */
  readonly body: string;
}

export interface Knock {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string;
}

/** One request on a connection of its own, byte for byte as it is given. */
export function knock(url: string, { method = 'GET', headers = {}, body }: Knock = {}): Promise<Knocked> {
  const { promise, resolve, reject } = Promise.withResolvers<Knocked>();
  const outgoing = request(url, { method, headers: { ...headers }, agent: false });
  outgoing.on('error', reject);
  outgoing.on('upgrade', (response, socket) => {
    socket.destroy();
    resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' });
  });
  outgoing.on('response', (response) => {
    const { statusCode: status = 0, headers: answered } = response;
    if (answered['content-type'] === 'text/event-stream') {
      resolve({ status, headers: answered, body: '' });
      outgoing.destroy();
      return;
    }
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('end', () => resolve({ status, headers: answered, body: text }));
  });
  outgoing.end(body);
  return promise;
}

const LIST = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/list',
  params: {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'knock', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
});

/** Asks for the list of tools at a URL. */
export function list(
  url: string,
  headers: Readonly<Record<string, string | string[]>> = {},
  body: string = LIST,
): Promise<Knocked> {
  return knock(url, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/list',
      ...headers,
    },
  });
}

export const UPGRADE: Readonly<Record<string, string>> = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/**
 * All that can be told from the answers at a path, by each method and as a WebSocket, but for the time of day, the id in the
 * log, and the path itself.
 */
export async function told(
  base: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly unknown[]> {
  const ways = ['GET', 'POST', 'DELETE', 'PUT', 'OPTIONS'].map((method) => ({ method, headers }));
  const answers = await Promise.all(
    [...ways, { headers: { ...headers, ...UPGRADE } }].map((way) => knock(`${base}${path}`, way)),
  );
  return answers.map(({ body, headers: { date: _date, ...others }, status }) =>
    JSON.parse(JSON.stringify([status, others, body.replace(/"id":"[0-9a-f]{12}"/, '"id":"…"')]).replaceAll(path, '…')),
  );
}

/** The status that a token gets at a URL. */
export async function statusOf(url: string, token: string): Promise<number> {
  return (await list(url, bearer(token))).status;
}
