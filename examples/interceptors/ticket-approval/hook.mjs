/**
 * An HTTP hook: a tool that destroys something is called only with the id of a ticket (argument `ticket`) that the ticket system says is
 * approved, for this tool and this caller. The ticket is taken out of the arguments again, since the server knows nothing of it.
 *
 *     HOOK_SECRET=… node hook.mjs http://tickets.internal/api PORT
 *
 * The ticket system answers `GET /tickets/ID` with `{"state": "approved", "tool": "…", "requester": "…"}`.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** Seconds between the clocks of the gateway and this hook, and the time on the way. */
const MAX_AGE = 300;

/** `sallyport-signature: t=SECONDS,v1=HEX` over `SECONDS.BODY`. */
export function isSigned(header, body, secret, nowMs) {
  const [, seconds = '', given = ''] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? '') ?? [];
  if (Math.abs(nowMs / 1000 - Number(seconds)) > MAX_AGE) return false;
  const expected = createHmac('sha256', secret).update(`${seconds}.${body}`).digest();
  const signature = Buffer.from(given, 'hex');
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}

/** What a call is answered with; `find` asks the ticket system. */
export async function answerTo({ annotations, arguments: args, principal, tool }, find) {
  if (annotations?.destructiveHint !== true) return { action: 'pass' };
  const { ticket, ...rest } = args;
  if (typeof ticket !== 'string' || !/^[A-Z]{1,8}-\d{1,9}$/.test(ticket)) {
    return { action: 'deny', message: 'This tool needs an approved ticket: give its id as `ticket`, such as OPS-17.' };
  }
  const found = await find(ticket);
  const isFor = found?.tool === tool && found.requester === principal.subject;
  if (found?.state !== 'approved' || !isFor) {
    return { action: 'deny', message: `The ticket ${ticket} is not approved for this tool and caller.` };
  }
  return { action: 'replace', arguments: rest };
}

/** The hook as a server that does not listen yet. `tickets`: base of the ticket system. */
export function createHook({ secret, tickets, now = Date.now }) {
  const find = async (id) => {
    const response = await fetch(`${tickets}/tickets/${id}`, { signal: AbortSignal.timeout(800) });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`the ticket system answered ${response.status}`);
    return await response.json();
  };
  const handle = async (request, response) => {
    const body = await text(request);
    if (!isSigned(request.headers['sallyport-signature'], body, secret, now())) {
      response.writeHead(401).end();
      return;
    }
    const answer = await answerTo(JSON.parse(body), find);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  };
  return createServer((request, response) => {
    // Without an answer the gateway refuses the call.
    handle(request, response).catch(() => response.writeHead(502).end());
  });
}

if (realpathSync(process.argv[1] ?? '') === import.meta.filename) {
  const [tickets, port = '8090'] = process.argv.slice(2);
  const { HOOK_SECRET: secret } = process.env;
  if (tickets === undefined || secret === undefined)
    throw new Error('usage: HOOK_SECRET=… node hook.mjs TICKETS [PORT]');
  createHook({ secret, tickets }).listen(Number(port), '127.0.0.1');
}
