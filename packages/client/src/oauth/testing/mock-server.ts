/**
 * For tests: a protected resource and its authorization server on one free loopback port, which say whatever they are told
 * to say and write down what they are asked. A second one is another authorization server.
 */

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { JsonObject } from '@sallyport/wire';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
  /** The body as a form. */
  readonly form: URLSearchParams;
}

/** A number is a status without a body; a URL is a redirect there; `silence` is no answer until the other side goes; `cut` drops the connection. */
export type Say =
  | JsonObject
  | number
  | URL
  | 'silence'
  | 'cut'
  | { readonly status: number; readonly body: JsonObject };

export interface MockServer {
  readonly origin: string;
  /** The protected resource: `<origin>/mcp`. */
  readonly resource: string;
  /** By path; what is not here is 404. */
  readonly answers: Map<string, Say | ((asked: Asked) => Say | Promise<Say>)>;
  readonly log: Asked[];
  /** Those of one path. */
  asked(path: string): readonly Asked[];
  /** Lets both documents be right, but for these members. */
  publish(of?: { readonly resource?: JsonObject; readonly server?: JsonObject }): void;
  close(): Promise<void>;
}

export const RESOURCE_METADATA: string = '/.well-known/oauth-protected-resource/mcp';
export const SERVER_METADATA: string = '/.well-known/oauth-authorization-server';

export async function openMockServer(host: string = '127.0.0.1'): Promise<MockServer> {
  const log: Asked[] = [];
  const answers: MockServer['answers'] = new Map();
  const server = createServer((request, response) => {
    const respond = async (): Promise<void> => {
      const asked = await read(request);
      log.push(asked);
      const answer = answers.get(asked.path) ?? 404;
      const say = typeof answer === 'function' ? await answer(asked) : answer;
      if (say === 'silence') return;
      if (say === 'cut') return void request.socket.destroy();
      if (say instanceof URL) return void response.writeHead(302, { location: say.href }).end();
      if (typeof say === 'number') return void response.writeHead(say).end();
      const isPlain = !('status' in say) || typeof say['status'] !== 'number' || !('body' in say);
      response.writeHead(isPlain ? 200 : say['status'], { 'content-type': 'application/json' });
      response.end(JSON.stringify(isPlain ? say : say['body']));
    };
    void respond();
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const origin = `http://${host}:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    resource: `${origin}/mcp`,
    answers,
    log,
    asked: (path) => log.filter((each) => each.path === path),
    publish: ({ resource = {}, server: ofServer = {} } = {}) => {
      answers.set(RESOURCE_METADATA, { resource: `${origin}/mcp`, authorization_servers: [origin], ...resource });
      answers.set(SERVER_METADATA, { ...metadata(origin), ...ofServer });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function metadata(origin: string): JsonObject {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    revocation_endpoint: `${origin}/revoke`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  };
}

async function read(request: IncomingMessage): Promise<Asked> {
  const { headers, method = '', url = '' } = request;
  const body = await text(request);
  return {
    method,
    path: url.replace(/\?.*/, ''),
    authorization: headers.authorization,
    body,
    form: new URLSearchParams(body),
  };
}
