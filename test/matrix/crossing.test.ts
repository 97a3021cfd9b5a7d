/**
 * What crosses the gateway at the same time: calls that wait for their clients between two rounds while other things
 * happen, and clients of different revisions on one server (docs/PROTOCOL.md, "Between eras").
 */
import { describe, expect, it } from 'vitest';
import { overHttp, overStdio } from './carrier.ts';
import { callTool } from './client.ts';
import type { Asked, MatrixClient } from './client.ts';
import { gather } from './gather.ts';
import type { Way } from './gather.ts';
import { answerTo, METHODS } from './questions.ts';
import { REVISIONS } from './revisions.ts';
import type { Revision } from './revisions.ts';
import { advance } from './server.ts';
import type { RevisionServer, Work } from './server.ts';
import { serveHttp } from './server-http.ts';
import { serveStdio } from './server-stdio.ts';
import { textOf } from './wire.ts';
import type { Id } from './wire.ts';

const HTTP: Way = { serve: serveHttp, carry: ({ url }) => overHttp(url), era: 'told' };
const STDIO: Way = { ...HTTP, serve: serveStdio };
const LINES: Way = { ...STDIO, carry: overStdio };
const STATELESS = '2026-07-28';
const LATEST = '2025-11-25';
const SESSIONS = REVISIONS.filter((revision) => revision !== STATELESS);

/** A call that its server asks something about, which the client thinks about until it is told to answer. */
interface Thinking {
  readonly asked: Asked;
  /** The method that the client was asked with. */
  readonly question: Promise<string>;
  readonly answer: () => void;
}

function think(client: MatrixClient, tool: string, tag: string, progressToken?: Id): Thinking {
  const question = Promise.withResolvers<string>();
  const answer = Promise.withResolvers<void>();
  const asked = callTool(client, tool, tag, {
    ...(progressToken !== undefined && { progressToken }),
    onQuestion: async (method) => {
      question.resolve(method);
      await answer.promise;
      return answerTo(method, tag, client.revision);
    },
  });
  return { asked, question: question.promise, answer: answer.resolve };
}

function workOf(server: RevisionServer, tag: string): Promise<Work> {
  return server.works.until((work) => work.tag === tag, `the call ${tag} at the server`);
}

/** The progress that a client heard of, with the request on whose stream it came. */
function progressOf({ tape }: MatrixClient): unknown[] {
  return tape
    .incoming()
    .filter(({ message }) => message.method === 'notifications/progress')
    .map(({ via, message: { params } }) => [via, params?.['progressToken'], params?.['progress']]);
}

/** The ids that a client gave its calls of tools, oldest first. */
function idsOf({ tape }: MatrixClient): unknown[] {
  return tape.items
    .filter(({ direction, message }) => direction === 'out' && message.method === 'tools/call')
    .map(({ message }) => message.id);
}

describe.each(SESSIONS)('a stateless client’s call at a server of %s', (revision) => {
  it.each([
    ['HTTP', HTTP],
    ['stdio', LINES],
  ] as const)('over %s hears of progress in each round, and of none in between', async (_name, way) => {
    await using at = await gather(revision, [STATELESS], way);
    const [client] = at.clients;
    const { asked, question, answer } = think(client, 'ponder', 'one', 'mine');
    const work = await workOf(at.server, 'one');
    await question;
    advance(work, 2);
    // What was said before comes before the answer to another call.
    await callTool(client, 'echo', 'between').answer;
    answer();
    await at.server.answered.until(() => true, 'the answer at the server');
    advance(work, 3);
    work.finish('done');
    expect(textOf(await asked.answer)).toBe('done');
    const [first, , second] = client.carrier.isDuplex ? [] : idsOf(client);
    expect(progressOf(client)).toEqual([
      [first, 'mine', 1],
      [second, 'mine', 3],
    ]);
    expect(at.server.works.items.filter(({ tag }) => tag === 'one')).toHaveLength(1);
  });

  it('is cancelled at the server when the client leaves a later round', async () => {
    await using at = await gather(revision, [STATELESS], HTTP);
    const [client] = at.clients;
    const { asked, question, answer } = think(client, 'ponder', 'one', 'mine');
    await question;
    answer();
    const work = await at.server.answered.until(() => true, 'the answer at the server');
    advance(work, 2);
    await client.tape.until(({ message }) => message.params?.['progress'] === 2, 'progress of the round');
    await asked.cancel();
    const ended = await at.server.ended.until(({ id }) => id === work.id, 'that the server hears of it');
    expect(ended.how).toBe('notification');
    expect(textOf(await callTool(client, 'echo', 'after').answer)).toBe('after');
  });

  it('is cancelled at the server when the gateway stops while it is parked', async () => {
    const at = await gather(revision, [STATELESS], HTTP);
    const { question } = think(at.clients[0], 'ponder', 'one');
    await question;
    const work = await workOf(at.server, 'one');
    const ended = at.server.ended.until(({ id }) => id === work.id, 'that the server hears of it');
    await at.started.gateway.close();
    expect((await ended).how).toBe('notification');
    await at[Symbol.asyncDispose]();
  });
});

describe.each(SESSIONS)('a session client of %s that is asked in the middle of its call', (revision) => {
  it.each([LATEST, STATELESS] as const)(
    'hears of progress before and after, which only grows, from %s',
    async (server) => {
      await using at = await gather(server, [revision], HTTP);
      const [client] = at.clients;
      const { asked, question, answer } = think(client, 'ponder', 'one', 'mine');
      await question;
      answer();
      const work = await at.server.answered.until(() => true, 'the answer at the server');
      advance(work, 2);
      work.finish('done');
      expect(textOf(await asked.answer)).toBe('done');
      expect(progressOf(client)).toEqual([
        [asked.id, 'mine', 1],
        [asked.id, 'mine', 2],
      ]);
    },
  );

  it('takes its call back while it thinks: a session server hears of it', async () => {
    await using at = await gather(LATEST, [revision], HTTP);
    const [client] = at.clients;
    const { asked, question, answer } = think(client, 'ponder', 'one');
    await question;
    await asked.cancel();
    const work = await workOf(at.server, 'one');
    expect((await at.server.ended.until(({ id }) => id === work.id, 'that the server hears of it')).how).toBe(
      'notification',
    );
    // Its answer comes too late, and is nobody else's.
    answer();
    expect(textOf(await callTool(client, 'echo', 'after').answer)).toBe('after');
    expect(at.server.works.items.map(({ tag }) => tag)).toEqual(['one', 'after']);
  });

  it('takes its call back while it thinks: a stateless server is not asked again', async () => {
    await using at = await gather(STATELESS, [revision], HTTP);
    const [client] = at.clients;
    const { asked, question, answer } = think(client, 'ponder', 'one');
    await question;
    await asked.cancel();
    answer();
    expect(textOf(await callTool(client, 'echo', 'after').answer)).toBe('after');
    expect(at.server.works.items.map(({ tag }) => tag)).toEqual(['one', 'after']);
    expect(at.server.answered.items).toHaveLength(0);
  });
});

describe.each([
  ['HTTP', HTTP, LATEST],
  ['HTTP', HTTP, STATELESS],
  ['stdio', STDIO, LATEST],
  ['stdio', STDIO, STATELESS],
] as const)('clients of every revision at once on one server over %s (%s%s)', (_name, way, server) => {
  it('use the same ids and tokens, and each gets its own', async () => {
    await using at = await gather(server, REVISIONS, way);
    const all: readonly MatrixClient[] = at.clients;
    const calls = all.map((client) => callTool(client, 'hold', client.revision, { progressToken: 'same' }));
    expect(new Set(calls.map(({ id }) => id))).toEqual(new Set([1]));
    const works = await Promise.all(all.map(({ revision }) => workOf(at.server, revision)));
    expect(new Set(works.map(({ id }) => id)).size).toBe(REVISIONS.length);
    for (const [index, work] of works.toReversed().entries()) {
      advance(work, index + 1);
      work.finish(`to ${work.tag}`);
    }
    for (const [index, client] of all.entries()) {
      expect(textOf(await (calls[index] as Asked).answer)).toBe(`to ${client.revision}`);
      expect(progressOf(client)).toEqual([[1, 'same', REVISIONS.length - index]]);
    }
  });

  it('cancel the same id, and only their own call ends', async () => {
    await using at = await gather(server, [LATEST, STATELESS], way);
    const [session, stateless] = at.clients;
    const calls = [callTool(session, 'hold', 'a'), callTool(stateless, 'hold', 'b')] as const;
    expect(calls[0].id).toBe(calls[1].id);
    const [a, b] = [await workOf(at.server, 'a'), await workOf(at.server, 'b')];
    await calls[0].cancel();
    await at.server.ended.until(({ id }) => id === a.id, 'that the server hears of it');
    b.finish('still there');
    expect(textOf(await calls[1].answer)).toBe('still there');
    expect(at.server.ended.items.map(({ id }) => id)).toEqual([a.id]);
  });
});

describe.each<[Revision]>([[LATEST], [STATELESS]])('a question in the middle of a call at a server of %s', (server) => {
  it('over HTTP reaches whose call it is, whoever else asks and answers meanwhile', async () => {
    await using at = await gather(server, [STATELESS, LATEST, '2025-06-18'], HTTP);
    const [stateless, latest, older] = at.clients;
    const parked = think(stateless, 'elicit', 'parked');
    expect(await parked.question).toBe(METHODS.elicit);
    const sampling = think(latest, 'sample', 'sampling');
    const eliciting = think(older, 'elicit', 'eliciting');
    expect(await Promise.all([sampling.question, eliciting.question])).toEqual([METHODS.sample, METHODS.elicit]);
    for (const client of at.clients) {
      expect(textOf(await callTool(client, 'echo', `by ${client.revision}`).answer)).toBe(`by ${client.revision}`);
    }
    for (const [thinking, tool, tag] of [
      [eliciting, 'elicit', 'eliciting'],
      [parked, 'elicit', 'parked'],
      [sampling, 'sample', 'sampling'],
    ] as const) {
      thinking.answer();
      expect(JSON.parse(textOf(await thinking.asked.answer))).toEqual(answerTo(METHODS[tool], tag, LATEST));
    }
  });
});

describe('a question of a child that has calls of two clients', () => {
  it('is refused when nobody can tell whose it is, and no client is asked', async () => {
    await using at = await gather(LATEST, [STATELESS, LATEST], STDIO);
    const [stateless, session] = at.clients;
    const parked = think(stateless, 'elicit', 'parked');
    await parked.question;
    const refused = callTool(session, 'sample', 'refused');
    const { isError } = (await refused.answer).result ?? {};
    expect(isError).toBe(true);
    const questions = (client: MatrixClient): unknown[] =>
      client.tape.incoming().filter(({ message: { method, result } }) => {
        return method === METHODS.sample || JSON.stringify(result?.['inputRequests'] ?? {}).includes(METHODS.sample);
      });
    expect([questions(session), questions(stateless)]).toEqual([[], []]);
    parked.answer();
    expect(JSON.parse(textOf(await parked.asked.answer))).toEqual(answerTo(METHODS.elicit, 'parked', LATEST));
  });

  it('is asked of a stateless client when its call is the only one, and others call meanwhile', async () => {
    await using at = await gather(LATEST, [STATELESS, LATEST], STDIO);
    const [stateless, session] = at.clients;
    const parked = think(stateless, 'elicit', 'parked');
    await parked.question;
    expect(textOf(await callTool(session, 'echo', 'meanwhile').answer)).toBe('meanwhile');
    parked.answer();
    expect(JSON.parse(textOf(await parked.asked.answer))).toEqual(answerTo(METHODS.elicit, 'parked', LATEST));
  });

  it.each([STATELESS, LATEST] as const)(
    'is asked of a client of %s that gave another call of its own up',
    async (revision) => {
      await using at = await gather(LATEST, [revision], STDIO);
      const [client] = at.clients;
      const given = callTool(client, 'hold', 'given up');
      const { id } = await workOf(at.server, 'given up');
      await given.cancel();
      await at.server.ended.until((ended) => ended.id === id, 'that the server hears of it');
      const next = think(client, 'sample', 'next');
      next.answer();
      expect(JSON.parse(textOf(await next.asked.answer))).toEqual(answerTo(METHODS.sample, 'next', revision));
    },
  );

  it.each([STATELESS, LATEST] as const)(
    'is not asked of a client of %s after a stranger gave a call up',
    async (revision) => {
      await using at = await gather(LATEST, [revision, '2025-06-18'], STDIO);
      const [client, stranger] = at.clients;
      const given = callTool(stranger, 'hold', 'given up');
      const { id } = await workOf(at.server, 'given up');
      await given.cancel();
      await at.server.ended.until((ended) => ended.id === id, 'that the server hears of it');
      const next = think(client, 'sample', 'next');
      next.answer();
      expect((await next.asked.answer).result?.['isError']).toBe(true);
    },
  );
});
