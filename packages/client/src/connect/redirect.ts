/**
 * Where a browser comes back from a login, for a program on the same machine (RFC 8252 §7.3): a listener on loopback that
 * takes the answer to one login at a time by its `state`. It does not look into the answer.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** With what a browser came back, and the name below the redirect URI at which it did. */
export interface CameBack {
  readonly parameters: URLSearchParams;
  readonly below: string | undefined;
}

export interface Redirect {
  /** Opens it when it is not open yet. Rejects when the port is taken. */
  open(): Promise<void>;
  /** Throws before it is open. */
  readonly uri: string;
  /** Rejects with the reason of the signal. */
  wait(state: string, signal: AbortSignal): Promise<CameBack>;
  close(): void;
}

export interface LoopbackOptions {
  /** 0: any free one. Clients that were registered by hand need the one that they were registered with. */
  readonly port: number;
  /** Begins with a slash. */
  readonly path: string;
}

const HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  connection: 'close',
};

/** Opens nothing yet. It does not keep the process alive. */
export function createLoopbackRedirect({ port, path }: LoopbackOptions): Redirect {
  const waiting = new Map<string, (back: CameBack) => void>();
  let opening: Promise<Server> | undefined;
  let address: AddressInfo | undefined;

  const onRequest = ({ method, url = '' }: IncomingMessage, response: ServerResponse): void => {
    const back = method === 'GET' ? cameBack(url, path) : undefined;
    const state = back?.parameters.get('state') ?? '';
    const take = waiting.get(state);
    if (back === undefined || take === undefined) {
      response.writeHead(404, HEADERS).end('Nobody waits for this. Begin the login again.\n');
      return;
    }
    waiting.delete(state);
    take(back);
    response
      .writeHead(200, HEADERS)
      .end('The answer has arrived. You can close this page and go back to the program.\n');
  };

  return {
    open: async () => {
      opening ??= listen(onRequest, port);
      // A port that is taken now may be free at the next login.
      opening.catch(() => (opening = undefined));
      address = (await opening).address() as AddressInfo;
    },
    get uri() {
      if (address === undefined) throw new Error('The way back of the login is not open.');
      return `http://127.0.0.1:${address.port}${path}`;
    },
    wait: (state, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const onAbort = (): void => {
          waiting.delete(state);
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.set(state, (back) => {
          signal.removeEventListener('abort', onAbort);
          resolve(back);
        });
      }),
    close: () => {
      void opening?.then(
        (server) => {
          server.close();
          server.closeAllConnections();
        },
        () => undefined,
      );
    },
  };
}

/** Undefined: it is none of ours. */
function cameBack(text: string, path: string): CameBack | undefined {
  const url = URL.parse(text, 'http://127.0.0.1');
  if (url?.pathname.startsWith(path) !== true || url.searchParams.getAll('state').length !== 1) return undefined;
  const [, below] = /^\/(\w+)$/.exec(url.pathname.slice(path.length)) ?? [];
  return below === undefined && url.pathname !== path ? undefined : { parameters: url.searchParams, below };
}

function listen(
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  port: number,
): Promise<Server> {
  const server = createServer(onRequest).unref();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
