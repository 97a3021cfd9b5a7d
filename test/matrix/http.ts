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
  /** An event of another name than `message`. */
  readonly named?: (name: string, data: string) => void;
}

interface ServerSentEvent {
  readonly name: string;
  readonly data: string;
}

function field(lines: readonly string[], name: string): string {
  return lines.flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : [])).join('\n');
}

/** The events that are complete and say something, and what is left of the text. */
function eventsOf(text: string): { readonly events: ServerSentEvent[]; readonly rest: string } {
  const parts = text.split('\n\n');
  const rest = parts.pop() ?? '';
  const events = parts.map((part) => {
    const lines = part.split('\n');
    return { name: field(lines, 'event'), data: field(lines, 'data') };
  });
  return { events: events.filter(({ data }) => data !== ''), rest };
}

function read(response: IncomingMessage, { heard, named }: Send): void {
  const isStream = response.headers['content-type'] === 'text/event-stream';
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    if (!isStream) return;
    const { events, rest } = eventsOf(text);
    text = rest;
    for (const { name, data } of events) {
      if (name === '' || name === 'message') heard(data, response.headers);
      else named?.(name, data);
    }
  });
  response.on('end', () => {
    if (!isStream && text !== '') heard(text, response.headers);
  });
}

/** Sends at once. */
export function send(options: Send): Sent {
  const { url, method = 'POST', headers, body } = options;
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
    read(response, options);
    head.resolve({ status: response.statusCode ?? 0, headers: response.headers });
  });
  outgoing.end(body);
  return { head: head.promise, ended: ended.promise, abort: () => void outgoing.destroy() };
}
