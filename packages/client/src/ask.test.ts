import type { JsonObject, JsonValue } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { ask, askAllPages, errorOf } from './ask.ts';
import type { Leg, Outgoing, UpstreamAnswer } from './leg.ts';

type Sent = { readonly method: string; readonly params?: JsonObject };

/** A leg whose server answers what `serve` gives. */
function legOf(
  serve: (sent: Sent, outgoing: Outgoing) => UpstreamAnswer | JsonObject,
  ownMeta?: JsonObject,
): Pick<Leg, 'request' | 'ownMeta'> {
  return {
    ownMeta,
    request: (outgoing) => {
      const served = serve(JSON.parse(outgoing.text(5)) as Sent, outgoing);
      const isAnswer = served['kind' as keyof typeof served] !== undefined;
      const answer = isAnswer ? (served as UpstreamAnswer) : result(JSON.stringify({ result: served }));
      return { answer: Promise.resolve(answer), cancel: () => undefined };
    },
  };
}

const result = (text: string): UpstreamAnswer => ({
  kind: 'result',
  before: Buffer.from('{"jsonrpc":"2.0","id":'),
  after: Buffer.from(`,${text.slice(1)}`),
});
const OPTIONS = { timeoutMs: 1000 };

describe('ask', () => {
  it('gives the result, and in the stateless era sends the envelope', async () => {
    const leg = legOf(({ params }) => ({ params: params ?? null }), { era: 'new' });
    expect(await ask(leg, 'x', { a: 1, _meta: { own: 1 } }, OPTIONS)).toEqual({
      params: { a: 1, _meta: { own: 1, era: 'new' } },
    });
    expect(
      await ask(
        legOf(({ params }) => ({ params: params ?? null })),
        'x',
        undefined,
        OPTIONS,
      ),
    ).toEqual({ params: null });
  });

  it('names what the request is for, and has no cause', async () => {
    const seen: Outgoing[] = [];
    const leg = legOf((_sent, outgoing) => {
      seen.push(outgoing);
      return {};
    });
    await ask(leg, 'resources/read', { uri: 'a:b' }, OPTIONS);
    expect(seen[0]).toMatchObject({ name: 'a:b', timeoutMs: 1000, maxMs: 1000 });
    expect(seen[0]).not.toHaveProperty('cause');
  });

  it('rejects with the error that was answered', async () => {
    const leg = legOf(() => ({ kind: 'error', error: { code: -32601, message: 'Unknown.' }, status: 404 }));
    const error = await ask(leg, 'x', undefined, OPTIONS).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: 'protocol', status: 404 });
    expect(errorOf(error)).toEqual({ code: -32601, message: 'Unknown.' });
    expect(errorOf(new Error('x'))).toBeUndefined();
  });

  it.each(['{"result":[]}', '{"result":{}', '{"a":1}'])('refuses %s', async (text) => {
    await expect(
      ask(
        legOf(() => result(text)),
        'x',
        undefined,
        OPTIONS,
      ),
    ).rejects.toMatchObject({ reason: 'protocol' });
  });

  it('waits for the rest of a large body', async () => {
    const rest = (fails: boolean): UpstreamAnswer => ({
      kind: 'result',
      before: Buffer.from('{"id":'),
      after: Buffer.from(',"result":{"a"'),
      rest: {
        bytes: 4,
        pipe: (sink) => {
          sink.write(Buffer.from(':1'));
          if (fails) return sink.fail(new Error('reset'));
          sink.write(Buffer.from('}}'));
          sink.end();
        },
        resume: () => undefined,
        cancel: () => undefined,
      },
    });
    expect(
      await ask(
        legOf(() => rest(false)),
        'x',
        undefined,
        OPTIONS,
      ),
    ).toEqual({ a: 1 });
    await expect(
      ask(
        legOf(() => rest(true)),
        'x',
        undefined,
        OPTIONS,
      ),
    ).rejects.toMatchObject({ reason: 'down' });
  });
});

describe('askAllPages', () => {
  const paged = (next: (page: number) => JsonValue | undefined, size = 1): Pick<Leg, 'request' | 'ownMeta'> => {
    let page = 0;
    return legOf(({ params }) => {
      expect(params?.['cursor']).toBe(page === 0 ? undefined : next(page - 1));
      const nextCursor = next(page);
      const tools = Array.from({ length: size }, () => page);
      page++;
      return { tools, ...(nextCursor !== undefined && { nextCursor }), ttlMs: page };
    });
  };
  const read = (leg: Pick<Leg, 'request' | 'ownMeta'>): ReturnType<typeof askAllPages> =>
    askAllPages(leg, 'tools/list', 'tools', OPTIONS);

  it('reads them all, in order', async () => {
    const { items, results } = await read(paged((page) => (page < 2 ? `c${page}` : undefined)));
    expect(items).toEqual([0, 1, 2]);
    expect(results.map(({ ttlMs }) => ttlMs)).toEqual([1, 2, 3]);
    expect((await read(paged(() => null))).items).toEqual([0]);
  });

  it.each([
    ['a circle', (page: number) => `c${page % 3}`, 1, /same cursor/],
    ['no end', (page: number) => `c${page}`, 1, /1000 pages/],
    ['too much', (page: number) => `c${page}`, 2000, /100000 elements/],
    ['a cursor that is none', () => 7, 1, /not a string/],
  ])('refuses %s', async (_name, next, size, text) => {
    const error = await read(paged(next, size)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: 'protocol' });
    expect(String(error)).toMatch(text);
  });

  it('leaves a circle when it is closed', async () => {
    let asked = 0;
    const leg = legOf(() => ({ tools: [], nextCursor: `c${asked++ % 3}` }));
    await expect(read(leg)).rejects.toMatchObject({ reason: 'protocol' });
    expect(asked).toBe(4);
  });

  it('takes a thousand pages, and no list that is none', async () => {
    expect((await read(paged((page) => (page < 999 ? `c${page}` : undefined)))).items).toHaveLength(1000);
    await expect(read(legOf(() => ({ tools: {} })))).rejects.toMatchObject({ reason: 'protocol' });
  });
});
