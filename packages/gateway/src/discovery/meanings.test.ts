/** Ranking by meaning: a model that knows what words mean to people stands behind an endpoint, and words alone do where it fails. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddingsSetting } from '../meta.ts';
import { createEmbed, type Embed } from './embeddings.ts';
import { createFind } from './finder.ts';
import { Indexes } from './indexes.ts';
import { Meanings, type MeaningsOptions } from './meanings.ts';
import { seenTool, sightOf } from './testing/sights.ts';

const TOOLS = [
  seenTool('mail', 'send_message', 'Sends an email.', {
    inputSchema: { type: 'object', properties: { recipient: { default: 'a secret' } } },
  }),
  seenTool('zoo', 'feed', 'Gives the elephants their hay.'),
  ...Array.from({ length: 100 }, (_, at) => seenTool('other', `thing_${at}`, `Counts to ${at}.`)),
];
const sight = sightOf(TOOLS);

/** What a model would know: pachyderms are elephants. Another direction for everything else. */
function embedding(text: string): number[] {
  const isZoo = /elephant|pachyderm/.test(text);
  return [isZoo ? 1 : 0.1, isZoo ? 0 : 0.9, 0.05];
}

interface Asked {
  readonly input: string[];
  readonly authorization: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

const asked: Asked[] = [];
const endpoint: { answer: (input: string[]) => object | undefined; url: string; http?: Server } = {
  answer: () => undefined,
  url: '',
};
const ofOpenAi = (input: string[]): object => ({
  // In no order: they say where they belong.
  data: input.map((text, index) => ({ index, embedding: embedding(text) })).toReversed(),
});
const ofOllama = (input: string[]): object => ({ embeddings: input.map(embedding) });

beforeAll(async () => {
  const http = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const body = JSON.parse(text) as { input: string[] };
      asked.push({ input: body.input, authorization: request.headers.authorization, body });
      const answer = endpoint.answer(body.input);
      response.writeHead(answer === undefined ? 503 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? {}));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  endpoint.http = http;
  endpoint.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1/embeddings`;
});
afterAll(() => endpoint.http?.close());

interface Setting {
  readonly find: (question: string) => Promise<string[]>;
  /** When what is made in the background is there. */
  readonly ready: () => Promise<void>;
  readonly records: Map<string, string>;
  readonly said: string[];
  readonly meanings: Meanings;
  now: number;
}

function setting(more: Partial<MeaningsOptions> = {}, records: Map<string, string> = new Map()): Setting {
  const said: string[] = [];
  const set: EmbeddingsSetting = { url: endpoint.url, model: 'm', key: 'k', dimensions: 3, timeoutMs: 5000 };
  const at = { now: 0 };
  const meanings = new Meanings({
    setting: () => set,
    embed: createEmbed({ fetch }),
    records: { get: async (key) => records.get(key), put: async (key, value) => records.set(key, value) },
    monotonic: () => at.now,
    log: (_level, text) => void said.push(text),
    ...more,
  });
  const search = createFind(new Indexes({ monotonic: () => 0, pause: () => Promise.resolve() }), meanings);
  const find = async (question: string): Promise<string[]> =>
    (await search(sight, question, 3)).map(({ tool }) => tool.original);
  return Object.assign(at, {
    find,
    ready: async () => {
      await find('anything');
      await expect.poll(() => records.size + said.length).toBeGreaterThanOrEqual(TOOLS.length);
      await expect.poll(async () => (await find('pachyderms'))[0]).toBe('feed');
    },
    records,
    said,
    meanings,
  });
}

const texts = (): string[] => asked.splice(0).flatMap(({ input }) => input);

describe('an endpoint for embeddings', () => {
  it.each([
    ['of OpenAI', ofOpenAi],
    ['of Ollama', ofOllama],
  ])('%s ranks what words do not, once it has seen all tools', async (_of, answer) => {
    endpoint.answer = answer;
    const { find, ready } = setting();
    expect(await find('pachyderms')).toEqual([]);
    await ready();
    // What words say counts as well.
    expect((await find('email'))[0]).toBe('send_message');
    expect(asked[0]?.authorization).toBe('Bearer k');
    expect(asked[0]?.body).toMatchObject({ model: 'm', dimensions: 3 });
    const sent = texts();
    expect(sent).toContain('mail: send_message\nSends an email.\nrecipient');
    expect(sent.join()).not.toContain('a secret');
  });

  it('is not asked again for what it has said, not even by another process', async () => {
    endpoint.answer = ofOllama;
    const { ready, records } = setting();
    await ready();
    texts();
    await setting({}, records).ready();
    expect(texts().filter((text) => text.includes(':'))).toEqual([]);
  });

  it('that fails is left alone for a while and said once, and words find meanwhile', async () => {
    endpoint.answer = ofOllama;
    const set = setting();
    await set.ready();
    endpoint.answer = () => undefined;
    texts();
    for (let time = 0; time < 3; time++) expect(await set.find('email')).toEqual(['send_message']);
    expect(texts()).toEqual(['email']);
    expect(set.said).toEqual(['embeddings: the endpoint fails, so tools are found by words alone until it answers']);
    set.now += 60_001;
    endpoint.answer = ofOllama;
    expect(await set.find('pachyderms')).toContain('feed');
    expect(set.said).toHaveLength(2);
  });

  it('that is slow holds up no question longer than its time, and none at all when it is closed', async () => {
    const slow: Embed = (_texts, _setting, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('too slow'))));
    endpoint.answer = ofOllama;
    const records = new Map<string, string>();
    await setting({}, records).ready();
    const embed = createEmbed({ fetch });
    const set: EmbeddingsSetting = { url: endpoint.url, model: 'm', dimensions: 3, timeoutMs: 1 };
    const { find, meanings, said } = setting({ setting: () => set, embed: slow }, records);
    await find('anything');
    await expect.poll(async () => (await find('email'), said.length)).toBe(1);
    expect(await find('email')).toEqual(['send_message']);
    meanings.close();
    expect(await meanings.of(TOOLS, 'email')).toBeUndefined();
    await expect(embed(['a'], set, AbortSignal.abort())).rejects.toThrow('aborted');
  });

  it.each([
    ['nothing', {}],
    ['fewer than were asked for', { embeddings: [[1]] }],
    ['vectors of different lengths', { embeddings: [[1], [1, 2]] }],
    ['no numbers', { embeddings: [[1], ['x']] }],
    ['zeros', { embeddings: [[1], [0]] }],
    ['no list', { data: { embedding: [1] } }],
    ['a vector that is too long', { embeddings: [[1], Array.from({ length: 9000 }, () => 1)] }],
  ])('that answers with %s has failed', async (_with, answer) => {
    endpoint.answer = () => answer;
    const embed = createEmbed({ fetch });
    const set: EmbeddingsSetting = { url: endpoint.url, model: 'm', timeoutMs: 1000 };
    await expect(embed(['a', 'b'], set, AbortSignal.timeout(5000))).rejects.toThrow('it ');
  });
});
