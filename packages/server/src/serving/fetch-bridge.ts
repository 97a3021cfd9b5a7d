/**
 * A request and a response of the Fetch standard over HTTP in memory: the request is written to one end of a pair of streams,
 * at the other end of which stands the listener. So it is looked at by the very code that looks at every request.
 */

import { request as send, type IncomingMessage } from 'node:http';
import { duplexPair, Readable, type Duplex } from 'node:stream';

/** Of whoever made the request, as far as the runtime tells. */
export interface FetchClient {
  readonly address?: string | undefined;
}

/** Of the connection in memory, not of the request. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['connection', 'host', 'keep-alive', 'transfer-encoding', 'upgrade']);
/** The response has none of these of its own (Fetch, "null body status"). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** Rejects when the request was aborted, or its body broke. */
export function answerFetch(
  request: Request,
  client: FetchClient = {},
  inject: (stream: Duplex) => void,
): Promise<Response> {
  const url = new URL(request.url);
  const [near, far] = duplexPair();
  Object.assign(far, { remoteAddress: client.address, ...(url.protocol === 'https:' && { encrypted: true }) });
  inject(far);
  const headers = [...request.headers].filter(([name]) => !OWN_HEADERS.has(name));
  return new Promise((resolve, reject) => {
    const outgoing = send({
      createConnection: () => near,
      method: request.method,
      path: url.pathname + url.search,
      headers: { ...Object.fromEntries(headers), host: url.host, connection: 'close' },
      signal: request.signal,
    });
    outgoing.once('error', reject).once('response', (incoming) => resolve(responseOf(incoming, near)));
    if (request.body === null) outgoing.end();
    else Readable.fromWeb(request.body).on('error', reject).pipe(outgoing);
  });
}

function responseOf(incoming: IncomingMessage, near: Duplex): Response {
  const headers = new Headers();
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    const name = incoming.rawHeaders[at] as string;
    if (!OWN_HEADERS.has(name.toLowerCase())) headers.append(name, incoming.rawHeaders[at + 1] as string);
  }
  const status = incoming.statusCode ?? 500;
  incoming.once('close', () => near.destroy());
  if (WITHOUT_BODY.has(status)) {
    incoming.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(incoming), { status, headers });
}
