/**
 * One request to a gateway on this machine, answered with JSON. It goes straight to the address: no proxy, no redirect, and a
 * bounded body and time, since it may be anybody who listens there.
 */
import { Agent, request, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { ownTls } from './own-tls.ts';

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;

export interface JsonRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON with POST; without it the request is a GET. */
  readonly body?: unknown;
  /** Until the whole answer is there. */
  readonly timeoutMs?: number;
}

export interface JsonReply {
  readonly status: number;
  /** Undefined when it is no JSON. */
  readonly body: unknown;
}

/** Rejects when nobody answers, or too slowly, or with too much. */
export function requestJson(
  url: URL,
  { headers = {}, body, timeoutMs = TIMEOUT_MS }: JsonRequest = {},
): Promise<JsonReply> {
  const sent = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const options = {
      method: sent === undefined ? 'GET' : 'POST',
      headers: { ...headers, ...(sent !== undefined && { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(timeoutMs),
    };
    const read = (response: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_BYTES) asked.destroy(new Error(`${url.origin} answered with more than ${MAX_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks)) }));
    };
    // An agent of its own: the shared one may be told by the environment to use a proxy.
    const asked =
      url.protocol === 'https:'
        ? requestTls(url, { ...options, agent: new TlsAgent(ownTls(url)) }, read)
        : request(url, { ...options, agent: new Agent() }, read);
    asked.on('error', reject);
    asked.end(sent);
  });
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
