import { createSecretKey, randomBytes } from 'node:crypto';
import type { Answer } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Call } from '../call.ts';
import { withParams, withText } from '../restated.ts';
import { createExternalGuard, MAX_QUESTIONS, type ExternalGuardOptions } from './external.ts';
import type { ExternalGuardSettings, Finding } from './finding.ts';
import { createGuard, type Guard } from './index.ts';

const PLACE: ExternalGuardSettings = {
  url: 'https://guard.example/check',
  timeoutMs: 1000,
  headers: { authorization: 'Bearer x' },
  fail: 'closed',
  on: ['arguments', 'results'],
};

function callWith(args: JsonObject = { path: '/a' }): Call {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'up__t', arguments: args } };
  const principal = { issuer: 'i', subject: 's', roles: [] };
  const exchange = { message, text: JSON.stringify(message), era: 'session', principal };
  return { exchange, target: { server: 'up', kind: 'tool', canonicalId: 'up__t', original: 't' } } as unknown as Call;
}

const said = (value: unknown): Promise<Response> => Promise.resolve(new Response(JSON.stringify(value)));

interface Opened {
  readonly guard: Guard;
  readonly asked: { readonly url: string; readonly init: RequestInit; readonly body: JsonObject }[];
  readonly told: Finding[];
  readonly logged: string[];
}

function open(reply: ExternalGuardOptions['fetch'], settings: Partial<ExternalGuardSettings> = {}): Opened {
  const asked: Opened['asked'] = [];
  const told: Finding[] = [];
  const logged: string[] = [];
  const guard = createGuard({
    settings: () => ({
      arguments: 'off',
      secrets: 'flag',
      injection: 'off',
      injectionResults: false,
      resultMaxBytes: 10_000,
      external: { ...PLACE, ...settings },
    }),
    strict: () => false,
    placeholderKey: createSecretKey(randomBytes(32)),
    withParams,
    withText,
    bytesOf: (answer) => Promise.resolve(answer.after),
    withFront: (bytes) => ({ kind: 'result', before: Buffer.from(''), after: bytes }),
    pause: () => Promise.resolve(),
    report: (finding) => told.push(finding),
    found: () => undefined,
    fetch: (url, init) => {
      asked.push({ url, init, body: JSON.parse(init.body as string) as JsonObject });
      return reply(url, init);
    },
    timeout: () => AbortSignal.abort(),
    log: (_level, text) => logged.push(text),
    now: () => 0,
  });
  return { guard, asked, told, logged };
}

/** What a server gets of a call, and what comes back. */
async function through(
  { guard }: Opened,
  call: Call,
  result: JsonObject = { content: [] },
): Promise<readonly [unknown, unknown]> {
  let got: unknown;
  const answer = await guard.in(call, (inner) => {
    got = inner.exchange.message.params?.['arguments'];
    const after = Buffer.from(`,"result":${JSON.stringify(result)}}`);
    return guard.out(inner, () => Promise.resolve({ kind: 'result', before: Buffer.from(''), after } satisfies Answer));
  });
  if (answer.kind !== 'result') throw new Error('no result');
  return [got, (JSON.parse(`{"id":0${answer.after.toString()}`) as { result: unknown }).result];
}

describe('a guard of somebody else', () => {
  it('is asked by POST about arguments and results, with who calls what, and lets pass', async () => {
    const opened = open(() => said({ decision: 'allow' }));
    expect(await through(opened, callWith())).toEqual([{ path: '/a' }, { content: [] }]);
    const who = {
      method: 'tools/call',
      principal: { issuer: 'i', subject: 's' },
      target: { kind: 'tool', server: 'up', id: 'up__t' },
    };
    expect(opened.asked.map(({ body }) => body)).toEqual([
      { ...who, check: 'arguments', content: { path: '/a' } },
      { ...who, check: 'results', content: { content: [] } },
    ]);
    expect(opened.asked[0]).toMatchObject({
      url: PLACE.url,
      init: {
        method: 'POST',
        redirect: 'error',
        headers: { authorization: 'Bearer x' },
        signal: expect.any(AbortSignal),
      },
    });
    expect(opened.told).toEqual([]);
  });

  it('refuses with its reason, and is told', async () => {
    const opened = open(() => said({ decision: 'deny', reason: 'no paths' }));
    await expect(through(opened, callWith())).rejects.toMatchObject({ key: 'refused', message: 'no paths' });
    expect(opened.told).toEqual([{ check: 'external', where: 'arguments', kinds: ['deny'], action: 'block' }]);
  });

  it('replaces, each time or one of them', async () => {
    const opened = open((_url, init) =>
      said({
        decision: 'replace',
        content: { seen: (JSON.parse(init.body as string) as JsonObject)['check'] as string },
      }),
    );
    expect(await through(opened, callWith())).toEqual([{ seen: 'arguments' }, { seen: 'results' }]);
    const one = open(() => said({ decision: 'replace', content: {} }), { on: ['results'] });
    expect(await through(one, callWith())).toEqual([{ path: '/a' }, {}]);
  });

  it.each<[string, ExternalGuardOptions['fetch']]>([
    ['no answer', () => Promise.reject(new Error('timed out'))],
    ['another status', () => Promise.resolve(new Response('{"decision":"allow"}', { status: 201 }))],
    ['no JSON', () => Promise.resolve(new Response('allow'))],
    ['no decision', () => said({ allow: true })],
    ['nothing to put there', () => said({ decision: 'replace' })],
    ['too much', () => said({ decision: 'replace', content: { a: 'x'.repeat(5_000_000) } })],
  ])('OUT-11 with %s nothing passes, unless it is meant to fail open', async (_what, reply) => {
    const closed = open(reply);
    await expect(through(closed, callWith())).rejects.toMatchObject({ key: 'refused' });
    await expect(through(closed, callWith())).rejects.toMatchObject({ key: 'refused' });
    expect(closed.logged).toHaveLength(1);
    expect(await through(open(reply, { fail: 'open' }), callWith())).toEqual([{ path: '/a' }, { content: [] }]);
  });

  it('leaves known what the client said, of which its headers speak', async () => {
    const call = callWith();
    const { exchange } = call;
    await through(
      open(() => said({ decision: 'replace', content: { path: '/b' } }), { on: ['arguments'] }),
      call,
    );
    expect(call.exchange.message.params).toMatchObject({ arguments: { path: '/b' } });
    expect(call.stated).toBe(exchange);
  });

  it('P1-22 sees no credential of the gateway, and brings none in', async () => {
    const opened = open(() => said({ decision: 'replace', content: { a: 'the-master-key' } }), { on: ['arguments'] });
    opened.guard.own.hold('master key', ['the-master-key']);
    await expect(through(opened, callWith({ a: 'the-master-key' }))).rejects.toMatchObject({ key: 'refused' });
    expect(opened.asked).toEqual([]);
    await expect(through(opened, callWith())).rejects.toMatchObject({ key: 'refused' });
    const results = open(() => said({ decision: 'replace', content: { a: 'the-master-key' } }), { on: ['results'] });
    results.guard.own.hold('master key', ['the-master-key']);
    await expect(through(results, callWith())).rejects.toMatchObject({ key: 'refused' });
  });

  it('is asked about so many at a time', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const ask = createExternalGuard({
      fetch: () => promise.then((response) => response.clone()),
      timeout: () => AbortSignal.abort(),
      report: () => undefined,
      log: () => undefined,
      now: () => 0,
    });
    const asked = { place: 'arguments', content: {}, maxBytes: 1 } as const;
    const all = Array.from({ length: MAX_QUESTIONS }, () => ask(callWith(), asked, PLACE));
    await expect(ask(callWith(), asked, PLACE)).rejects.toMatchObject({ key: 'refused' });
    resolve(await said({ decision: 'allow' }));
    expect(await Promise.all(all)).toEqual(all.map(() => undefined));
    expect(await ask(callWith(), asked, PLACE)).toBeUndefined();
  });
});
