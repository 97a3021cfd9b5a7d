/**
 * The edges of the era matrix: batches, which one revision alone has, and what happens where a cell cannot be.
 */
import { describe, expect, it } from 'vitest';
import { overHttp } from './carrier.ts';
import { callTool } from './client.ts';
import { gather } from './gather.ts';
import type { Way } from './gather.ts';
import { send } from './http.ts';
import { answerTo, METHODS } from './questions.ts';
import { isStateless, knowsElicitation, PAIRS, REVISIONS } from './revisions.ts';
import type { Revision } from './revisions.ts';
import { serveHttp } from './server-http.ts';
import { BATCH, openSession } from './session-client.ts';
import { createTape, textOf } from './wire.ts';
import type { Message } from './wire.ts';

const HTTP: Way = { serve: serveHttp, carry: ({ url }) => overHttp(url), era: 'found' };
const BATCHES: Revision = '2025-03-26';

function toolCall(id: number, name: string, progressToken?: string): Message {
  const meta = progressToken === undefined ? {} : { _meta: { progressToken } };
  return { id, method: 'tools/call', params: { name, arguments: { tag: `${name} ${id}` }, ...meta } };
}

describe.each(REVISIONS)('batches to a server of %s', (revision) => {
  it('of a client of 2025-03-26 are as many calls as they have entries', async () => {
    await using at = await gather(revision, [], HTTP);
    await using client = await openSession(overHttp(at.started.url), BATCHES);
    const messages = [
      toolCall(101, 'echo'),
      { method: 'notifications/vendor', params: {} },
      toolCall(102, 'steps', 'token'),
      { id: 103, method: 'tools/list', params: {} },
      toolCall(104, 'sample'),
    ];
    const { status } = await client.batch(messages, (method) => answerTo(method, 'batch', BATCHES));
    expect(status).toBe(200);
    const incoming = client.tape.incoming().filter(({ via }) => via === BATCH);
    const came = incoming.flatMap(({ message }) => (Array.isArray(message) ? (message as Message[]) : [message]));
    const answers = new Map(came.filter(({ method }) => method === undefined).map((each) => [each.id, each]));
    expect(new Set(answers.keys())).toEqual(new Set([101, 102, 103, 104]));
    expect(textOf(answers.get(101) ?? {})).toBe('echo 101');
    expect(textOf(answers.get(102) ?? {})).toBe('done');
    expect(answers.get(103)?.result?.['tools']).toHaveLength(8);
    expect(JSON.parse(textOf(answers.get(104) ?? {}))).toEqual(answerTo(METHODS.sample, 'batch', BATCHES));
    const progress = came.filter(({ method }) => method === 'notifications/progress').map(({ params }) => params);
    expect(progress).toEqual([1, 2, 3].map((each) => ({ progressToken: 'token', progress: each, total: 3 })));
    expect(at.server.tape.incoming().some(({ message }) => Array.isArray(message))).toBe(false);
  });
});

/** Sends a batch and gives the status and the messages of its response. */
async function sendBatch(url: string, revision: Revision, messages: readonly Message[]): Promise<[number, Message[]]> {
  if (!isStateless(revision)) {
    await using client = await openSession(overHttp(url), revision);
    const { status } = await client.batch(messages);
    return [status, client.tape.incoming().flatMap(({ via, message }) => (via === BATCH ? [message] : []))];
  }
  const tape = createTape();
  const headers = { 'mcp-protocol-version': revision, 'mcp-method': 'tools/call' };
  const heard = (text: string): void => void tape.heard(text);
  const { head, ended } = send({ url, headers, body: JSON.stringify(messages), heard });
  await ended;
  return [(await head).status, tape.incoming().map(({ message }) => message)];
}

describe('a batch of a client of another revision', () => {
  it.each(REVISIONS.filter((revision) => revision !== BATCHES))('%s is refused as a whole', async (revision) => {
    await using at = await gather('2025-11-25', [], HTTP);
    const messages = [toolCall(101, 'echo'), toolCall(102, 'echo')];
    const [status, came] = await sendBatch(at.started.url, revision, messages);
    expect(status).toBe(400);
    expect(came.map(({ error }) => error?.code)).toEqual([-32600]);
    expect(at.server.works.items).toHaveLength(0);
  });
});

const TOO_OLD = PAIRS.filter(({ client, server }) => !knowsElicitation(client) && knowsElicitation(server));

describe('elicitation, where only the server knows it', () => {
  it.each(TOO_OLD)('is never asked of a client of $client by a server of $server', async ({ client: old, server }) => {
    await using at = await gather(server, [old], HTTP);
    const [client] = at.clients;
    const { result, error } = await callTool(client, 'elicit', 'asked').answer;
    // A server of the session era is told, and says so; a stateless one has nothing to go on with.
    expect(isStateless(server) ? error?.code : result?.['isError']).toBe(isStateless(server) ? -31003 : true);
    expect(client.tape.incoming().map(({ message }) => message.method)).not.toContain(METHODS.elicit);
    expect(at.server.works.items).toHaveLength(1);
    expect(textOf(await callTool(client, 'echo', 'after').answer)).toBe('after');
  });
});
