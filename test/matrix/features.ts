/** The cells of the matrix: one feature between one client and one server, whatever lies between. */
import { expect } from 'vitest';
import { callTool } from './client.ts';
import type { Asked, MatrixClient } from './client.ts';
import { answerTo, METHODS, questionParams } from './questions.ts';
import type { QuestionTool } from './questions.ts';
import { isStateless, olderOf } from './revisions.ts';
import type { Feature } from './revisions.ts';
import { LISTS, messagesFor, UNWATCHED, WATCHED } from './server.ts';
import type { RevisionServer, Work } from './server.ts';
import { textOf } from './wire.ts';
import type { Id, Json, Message, Seen } from './wire.ts';

export interface Bench {
  readonly client: MatrixClient;
  readonly server: RevisionServer;
  /** Tells this cell's messages from all others. */
  readonly tag: string;
  /** Nothing lies between, which could keep from the client what it did not ask for. */
  readonly isDirect: boolean;
}

const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

function workOf({ server, tag }: Bench): Promise<Work> {
  return server.works.until((work) => work.tag === tag, `the call ${tag} at the server`);
}

function worksOf({ server, tag }: Bench): Work[] {
  return server.works.items.filter((work) => work.tag === tag);
}

/** True for what came about a request: on its own stream where there is one. */
function isAbout({ carrier }: MatrixClient, { id }: Asked): (seen: Seen) => boolean {
  return ({ via }) => carrier.isDuplex || via === id;
}

/** Notifications about a request. */
function noticesOf(client: MatrixClient, asked: Asked, method: string): Json[] {
  return client.tape
    .incoming(asked.from)
    .filter(isAbout(client, asked))
    .filter(({ message }) => message.method === method)
    .map(({ message }) => message.params ?? {});
}

function eraMembers({ result }: Message): unknown[] {
  return [result?.['resultType'], result?.['ttlMs'], result?.['cacheScope']];
}

const CACHEABLE = ['complete', expect.any(Number), expect.stringMatching(/^(private|public)$/)];
const NOT_CACHEABLE = [undefined, undefined, undefined];

async function call(bench: Bench): Promise<void> {
  const { client, server, tag } = bench;
  const answer = await callTool(client, 'echo', tag).answer;
  expect(textOf(answer)).toBe(tag);
  expect(worksOf(bench).map(({ tool }) => tool)).toEqual(['echo']);
  expect(answer.result?.['resultType']).toBe(isStateless(client.revision) ? 'complete' : undefined);
  if (client.revision >= '2025-06-18' && server.revision >= '2025-06-18') {
    expect(answer.result?.['structuredContent']).toEqual({ tag });
  }
  const read = await client.request('resources/read', { uri: WATCHED }).answer;
  expect(read.result?.['contents']).toEqual([{ uri: WATCHED, text: WATCHED }]);
  expect(eraMembers(read)).toEqual(isStateless(client.revision) ? CACHEABLE : NOT_CACHEABLE);
  const missing = { uri: 'matrix://t/missing' };
  const { error } = await client.request('resources/read', missing).answer;
  expect(error).toMatchObject({ code: isStateless(client.revision) ? -32602 : -32002, data: missing });
  const prompt = { name: 'greet', arguments: { who: tag } };
  expect((await client.request('prompts/get', prompt).answer).result?.['messages']).toEqual(messagesFor(prompt));
  const refused = await callTool(client, 'no_such_tool', tag).answer;
  expect(refused.error?.code).toBe(-32602);
  expect(worksOf(bench)).toHaveLength(1);
}

async function list({ client, server }: Bench): Promise<void> {
  for (const [method, [member, entries]] of Object.entries(LISTS)) {
    const answer = await client.request(method).answer;
    expect(answer.result?.[member]).toEqual(entries);
    expect(eraMembers(answer)).toEqual(isStateless(client.revision) ? CACHEABLE : NOT_CACHEABLE);
    expect(server.tape.incoming().some(({ message }) => message.method === method)).toBe(true);
  }
}

async function progress(bench: Bench): Promise<void> {
  const { client, tag } = bench;
  for (const progressToken of [`token of ${tag}`, 7]) {
    const asked = callTool(client, 'steps', tag, { progressToken });
    expect(textOf(await asked.answer)).toBe('done');
    const steps = noticesOf(client, asked, 'notifications/progress');
    expect(steps).toEqual([1, 2, 3].map((each) => ({ progressToken, progress: each, total: 3 })));
  }
  const silent = callTool(client, 'steps', tag);
  expect(textOf(await silent.answer)).toBe('done');
  expect(noticesOf(client, silent, 'notifications/progress')).toEqual([]);
  const tokens = worksOf(bench).map(({ token }) => typeof token);
  expect(tokens.filter((type) => type === 'string' || type === 'number').length).toBeGreaterThanOrEqual(2);
}

async function log({ client, tag }: Bench): Promise<void> {
  const logged = async (): Promise<unknown[]> => {
    const asked = callTool(client, 'note', tag);
    expect(textOf(await asked.answer)).toBe('noted');
    const notices = noticesOf(client, asked, 'notifications/message');
    for (const each of notices) expect(each).toEqual({ level: each['level'], logger: 'matrix', data: tag });
    return notices.map(({ level }) => level);
  };
  await client.setLevel('info');
  expect(await logged()).toEqual(['info', 'error']);
  await client.setLevel('error');
  expect(await logged()).toEqual(['error']);
  if (!isStateless(client.revision)) return;
  // Whatever the server was told for others: a request without a level wants none.
  await client.setLevel(undefined);
  expect(await logged()).toEqual([]);
}

async function question({ client, server, tag }: Bench, tool: QuestionTool): Promise<void> {
  const common = olderOf(client.revision, server.revision);
  const heard: [string, Json | undefined][] = [];
  const asked = callTool(client, tool, tag, {
    onQuestion: (method, params) => {
      heard.push([method, params]);
      return answerTo(method, tag, client.revision);
    },
  });
  const answer = await asked.answer;
  const method = METHODS[tool];
  expect(heard).toEqual([[method, questionParams(tool, common, tag)]]);
  expect(answer.result?.['isError']).not.toBe(true);
  expect(JSON.parse(textOf(answer))).toEqual(answerTo(method, tag, common));
  expect(questionsTo(client, asked, method)).toBe(1);
}

/** Times that a client was asked about a request, or in the result of one. */
function questionsTo(client: MatrixClient, asked: Asked, method: string): number {
  const isQuestion = ({ message }: Seen): boolean =>
    isStateless(client.revision)
      ? JSON.stringify(message.result?.['inputRequests'] ?? {}).includes(`"${method}"`)
      : message.method === method;
  return client.tape.incoming(asked.from).filter(isAbout(client, asked)).filter(isQuestion).length;
}

async function subscription({ client, server, isDirect }: Bench): Promise<void> {
  const subscribed = await client.subscribe(WATCHED);
  await server.wanted(WATCHED);
  if (!isDirect) server.announce(UNWATCHED, WATCHED);
  server.announce(WATCHED);
  const isUpdate = ({ method }: Message): boolean => method === 'notifications/resources/updated';
  await client.tape.until(({ message }) => isUpdate(message), 'the update');
  const updates = client.tape.incoming().filter(({ message }) => isUpdate(message));
  const expected = isStateless(client.revision)
    ? { uri: WATCHED, _meta: { [SUBSCRIPTION_ID]: subscribed.id } }
    : { uri: WATCHED };
  const via = client.carrier.isDuplex ? undefined : subscribed.id;
  expect(updates.map((seen) => [seen.via, seen.message.params])).toEqual([[via, expected]]);
  await subscribed.end();
  await server.unwanted(WATCHED);
}

/** How a server hears that a request is taken back. */
function cancellationOf({ revision, tape }: RevisionServer): 'notification' | 'closed' {
  const isHttp = tape.incoming().some(({ headers }) => headers['host'] !== undefined);
  return isStateless(revision) && isHttp ? 'closed' : 'notification';
}

async function cancellation(bench: Bench): Promise<void> {
  const { client, server, tag } = bench;
  const asked = callTool(client, 'hold', tag);
  const { id } = await workOf(bench);
  await asked.cancel();
  const ended = await server.ended.until((each) => each.id === id, `that the server hears of it`);
  expect(ended.how).toBe(cancellationOf(server));
  expect(textOf(await callTool(client, 'echo', `after ${tag}`).answer)).toBe(`after ${tag}`);
  expect(answersTo(client, asked.id)).toEqual([]);
}

function answersTo({ tape }: MatrixClient, id: Id): string[] {
  return tape
    .incoming()
    .flatMap(({ message, text }) => (message.id === id && message.method === undefined ? [text] : []));
}

export const CELLS: Readonly<Record<Feature, (bench: Bench) => Promise<void>>> = {
  call,
  list,
  progress,
  log,
  sampling: (bench) => question(bench, 'sample'),
  elicitation: (bench) => question(bench, 'elicit'),
  roots: (bench) => question(bench, 'where'),
  subscription,
  cancellation,
};
