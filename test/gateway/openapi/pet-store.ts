/** The API of the pet store document, over HTTP on loopback: credentials, pages, errors, files; and what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInbox, type Inbox } from '../../support/inbox.ts';

export const PET_TOKEN = 'pet-token-Zq81-test';
export const EXPORT_KEY = 'export-key-Kx93-of-a-test-0815';
export const CLIENT = { id: 'orders-client', secret: 'orders-secret-Vb27-of-a-test' };

export const PNG: Buffer = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
export const ZIP: Buffer = Buffer.from('504b0506000000000000000000000000', 'hex');

export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface PetStore extends AsyncDisposable {
  /** Of the API, without a slash at the end. */
  readonly url: string;
  /** Of the server. */
  readonly origin: string;
  readonly asked: Inbox<Asked>;
  /** What is served at `/document`. */
  document: string;
  /** Requests whose client went away before they were answered. */
  readonly left: Inbox<string>;
  /** Tokens that were given, and of those the ones that count. */
  readonly tokens: string[];
}

export async function petStore(): Promise<PetStore> {
  const asked = createInbox<Asked>();
  const left = createInbox<string>();
  const tokens: string[] = [];
  const state = { document: '' };
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const { headers, method = '', url = '' } = request;
      const seen = { method, url, headers, body: Buffer.concat(chunks).toString('latin1') };
      asked.push(seen);
      response.on('close', () => {
        if (!response.writableFinished) left.push(url);
      });
      answer(seen, response, { tokens, document: state.document });
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${origin}/v1`,
    origin,
    asked,
    left,
    tokens,
    get document() {
      return state.document;
    },
    set document(text: string) {
      state.document = text;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

interface Held {
  readonly tokens: string[];
  readonly document: string;
}

type Route = (request: Asked, url: URL, response: ServerResponse, held: Held) => void;

function json(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

const ROUTES: readonly (readonly [RegExp, Route])[] = [
  [/^GET \/document$/, (_request, _url, response, { document }) => void response.end(document)],
  [
    /^POST \/token$/,
    ({ body, headers }, _url, response, { tokens }) => {
      const basic = Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64');
      if (headers.authorization !== `Basic ${basic}` || !body.includes('grant_type=client_credentials')) {
        return json(response, 401, { error: 'invalid_client' });
      }
      tokens.push(`machine-token-${tokens.length}-of-a-test`);
      json(response, 200, { access_token: tokens.at(-1), token_type: 'Bearer', expires_in: 3600 });
    },
  ],
  [
    /^POST \/v1\/orders$/,
    ({ body, headers }, _url, response, { tokens }) => {
      // The first token is one that was taken back.
      if (tokens.length < 2 || headers.authorization !== `Bearer ${tokens.at(-1)}`) return json(response, 401, {});
      response.writeHead(200, { 'content-type': 'text/plain' }).end(`ordered ${body}`);
    },
  ],
  [
    /^GET \/v1\/export$/,
    (_request, url, response) => {
      if (url.searchParams.get('api_key') !== EXPORT_KEY) return json(response, 403, { error: 'no key' });
      response.writeHead(200, { 'content-type': 'application/zip' }).end(ZIP);
    },
  ],
  [/^GET \/v1\/trouble\/\w+$/, (_request, url, response) => trouble(url.pathname.split('/').at(-1) ?? '', response)],
  [
    /^\w+ \/v1\/pets/,
    (request, url, response) => {
      if (request.headers.authorization !== `Bearer ${PET_TOKEN}`) return json(response, 401, { error: 'who?' });
      pets(request, url, response);
    },
  ],
];

function answer(request: Asked, response: ServerResponse, held: Held): void {
  const url = new URL(request.url, 'http://pets');
  const [, route] = ROUTES.find(([pattern]) => pattern.test(`${request.method} ${url.pathname}`)) ?? [];
  if (route === undefined) json(response, 404, { error: `nothing at ${url.pathname}` });
  else route(request, url, response, held);
}

function pets({ body, method }: Asked, url: URL, response: ServerResponse): void {
  const [, , , id, photo] = url.pathname.split('/');
  if (id === undefined && method === 'POST') {
    return json(response, 201, { id: 3, ...(JSON.parse(body) as object) }, { location: '/v1/pets/3' });
  }
  if (id === undefined) {
    const isLast = url.searchParams.get('cursor') === 'two';
    const items = isLast ? [{ id: 2, name: 'Rex', nickname: null }] : [{ id: 1, name: 'Tom', nickname: null }];
    return json(response, 200, { items, next_cursor: isLast ? null : 'two' });
  }
  if (photo !== undefined && method === 'GET') {
    return void response.writeHead(200, { 'content-type': 'image/png' }).end(PNG);
  }
  if (method !== 'GET') return void response.writeHead(204).end();
  if (id === '9') return json(response, 404, { error: 'no such pet' });
  json(response, 200, { id: Number(id), name: 'Tom' });
}

function trouble(kind: string, response: ServerResponse): void {
  if (kind === 'busy') return json(response, 429, { error: 'later' }, { 'retry-after': '30' });
  if (kind === 'moved') return void response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end();
  if (kind === 'shape') return json(response, 200, { ok: 'yes', hint: 'not a boolean' });
  if (kind === 'large') return void response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(200_000));
  if (kind === 'broken') return void response.writeHead(500, { 'content-type': 'text/html' }).end('e'.repeat(100_000));
  if (kind === 'never') return;
  json(response, 200, { ok: true });
}
