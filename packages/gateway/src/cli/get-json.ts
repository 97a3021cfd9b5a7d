/**
 * One GET to a gateway on this machine, answered with JSON. It goes straight to the address: no proxy, no redirect, and a
 * bounded body and time, since it may be anybody who listens there.
 */
import { Agent, request } from 'node:http';

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;

export interface JsonReply {
  readonly status: number;
  /** Undefined when it is no JSON. */
  readonly body: unknown;
}

/** Rejects when nobody answers, or too slowly, or with too much. */
export function getJson(url: URL, headers: Readonly<Record<string, string>>): Promise<JsonReply> {
  return new Promise((resolve, reject) => {
    // An agent of its own: the shared one may be told by the environment to use a proxy.
    const options = { headers, agent: new Agent(), signal: AbortSignal.timeout(TIMEOUT_MS) };
    const sent = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_BYTES) sent.destroy(new Error(`${url.origin} answered with more than ${MAX_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks)) }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
