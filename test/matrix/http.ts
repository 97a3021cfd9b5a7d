/** HTTP by hand for the clients of the matrix: a request, and each message of its response as it comes. */
import { request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export interface Head {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

export interface Sent {
  /** Rejects when none comes. */
  readonly head: Promise<Head>;
  /** Nothing more comes, however it ended. */
  readonly ended: Promise<void>;
  abort(): void;
}

export interface Send {
  readonly url: string;
  readonly method?: 'POST' | 'GET' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A message of the response, as text. */
  readonly heard: (text: string, headers: IncomingHttpHeaders) => void;
}

/** The data of the events that are complete, and what is left of the text. */
function eventsOf(text: string): { readonly data: string[]; readonly rest: string } {
  const parts = text.split('\n\n');
  const rest = parts.pop() ?? '';
  const data = parts.map((part) =>
    part
      .split('\n')
      .flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
      .join('\n'),
  );
  return { data: data.filter((each) => each !== ''), rest };
}

function read(response: IncomingMessage, heard: Send['heard']): void {
  const isStream = response.headers['content-type'] === 'text/event-stream';
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    if (!isStream) return;
    const { data, rest } = eventsOf(text);
    text = rest;
    for (const each of data) heard(each, response.headers);
  });
  response.on('end', () => {
    if (!isStream && text !== '') heard(text, response.headers);
  });
}

export function send({ url, method = 'POST', headers, body, heard }: Send): Sent {
  const head = Promise.withResolvers<Head>();
  const ended = Promise.withResolvers<void>();
  head.promise.catch(() => undefined);
  const accept = method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream';
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const outgoing = request(url, { method, headers: { accept, ...type, ...headers }, agent: false });
  outgoing.on('error', head.reject);
  outgoing.on('close', () => ended.resolve());
  outgoing.on('response', (response) => {
    response.on('error', () => undefined);
    read(response, heard);
    head.resolve({ status: response.statusCode ?? 0, headers: response.headers });
  });
  outgoing.end(body);
  return { head: head.promise, ended: ended.promise, abort: () => void outgoing.destroy() };
}
