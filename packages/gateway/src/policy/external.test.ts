import { describe, expect, it } from 'vitest';
import { MAX_QUESTIONS } from './external.ts';
import { createPolicy, type ExternalOptions, type Policy } from './index.ts';
import { bearer, settings, toolCall } from './testing/fixtures.ts';

const URL_OF_OPA = 'https://opa.example.com/v1/data/mcp/allow';

interface World {
  readonly policy: Policy;
  readonly asked: { readonly url: string; readonly init: RequestInit }[];
  readonly lines: { readonly text: string; readonly detail: unknown }[];
  nowMs: number;
}

async function worldOf(fetch: ExternalOptions['fetch']): Promise<World> {
  const world = { asked: [] as World['asked'], lines: [] as World['lines'], nowMs: 1000 };
  const external = { url: URL_OF_OPA, timeoutMs: 250, headers: { authorization: 'Bearer opa' } };
  const rules = [
    { effect: 'allow', tools: ['a__*'] },
    { effect: 'ask', tools: ['a__ask'] },
    { effect: 'deny', tools: ['a__deny'] },
  ] as const;
  const policy = await createPolicy(settings(rules, { external }), {
    fetch: (url, init) => {
      world.asked.push({ url, init });
      return fetch(url, init);
    },
    timeout: (ms) => AbortSignal.abort(new Error(`after ${ms} ms`)),
    log: (_level, text, detail) => world.lines.push({ text, detail }),
    now: () => world.nowMs,
  });
  return Object.assign(world, { policy });
}

const answer = (body: unknown, status = 200): Response =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), { status });

const call = toolCall('a__b', {
  principal: bearer('eve', { roles: ['dev'], claims: { level: 3 } }),
  arguments: { path: '/x' },
  address: '10.0.0.1',
});

describe('an external decision', () => {
  it('is asked about what the rules grant, with all that they know', async () => {
    const world = await worldOf(async () => answer({ result: true }));
    expect(await world.policy.decide(call)).toEqual({ effect: 'allow', rule: 'rules[0]' });
    const [{ url, init }] = world.asked as [World['asked'][number]];
    expect(url).toBe(URL_OF_OPA);
    expect(init).toMatchObject({
      method: 'POST',
      redirect: 'error',
      headers: { authorization: 'Bearer opa', 'content-type': 'application/json' },
    });
    expect(JSON.parse(init.body as string)).toEqual({
      input: {
        principal: { issuer: 'https://idp.example.com', subject: 'eve', roles: ['dev'], claims: { level: 3 } },
        target: { kind: 'tool', server: 'a', id: 'a__b', name: 'b' },
        arguments: { path: '/x' },
        annotations: {},
        time: '2026-11-05T12:00:00.000Z',
        address: '10.0.0.1',
        effect: 'allow',
        rule: 'rules[0]',
        policyVersion: world.policy.version,
      },
    });
  });

  it('is not asked about what they deny, nor for lists', async () => {
    const world = await worldOf(async () => answer({ result: true }));
    expect(world.policy.decide(toolCall('a__deny'))).toEqual({ effect: 'deny', rule: 'rules[2]' });
    expect(world.policy.audienceOf(call.principal).maySee('tool', 'a', 'a__b')).toBe(true);
    expect(world.policy.explain(call)).toMatchObject({ decision: { effect: 'allow' }, external: URL_OF_OPA });
    expect(world.asked).toEqual([]);
  });

  it.each([
    [{ result: true }, { effect: 'ask', rule: 'rules[1]' }],
    [{ result: { allow: true, reason: 'fine' } }, { effect: 'ask', rule: 'rules[1]' }],
    [{ result: false }, { effect: 'deny', rule: 'external' }],
    [
      { result: { allow: false, reason: 'x'.repeat(300) } },
      { effect: 'deny', rule: 'external', reason: 'x'.repeat(200) },
    ],
  ])('%j takes away and adds nothing', async (body, expected) => {
    const world = await worldOf(async () => answer(body));
    expect(await world.policy.decide(toolCall('a__ask'))).toEqual(expected);
    expect(world.lines).toEqual([]);
  });

  it.each<[string, ExternalOptions['fetch']]>([
    ['no result', async () => answer({})],
    ['a result of another kind', async () => answer({ result: 'true' })],
    ['allow of another kind', async () => answer({ result: { allow: 'yes' } })],
    ['nothing', async () => answer('')],
    ['null', async () => answer('null')],
    ['no JSON', async () => answer('<html>')],
    ['another status', async () => answer({ result: true }, 201)],
    ['an error', async () => answer({ result: true }, 500)],
    ['too much', async () => answer({ result: true, more: 'x'.repeat(64 * 1024) })],
    ['no connection', () => Promise.reject(new Error('ECONNREFUSED'))],
  ])('that gives %s refuses, with a line in the log', async (_title, fetch) => {
    const world = await worldOf(fetch);
    expect(await world.policy.decide(call)).toEqual({ effect: 'deny', rule: 'external' });
    expect(world.lines).toHaveLength(1);
  });

  it('is given its time and no more', async () => {
    const world = await worldOf((_url, { signal }) => Promise.reject(signal?.reason as Error));
    await world.policy.decide(call);
    expect(world.lines[0]?.detail).toMatchObject({ error: 'after 250 ms' });
  });

  it('says at most once in ten seconds that it fails, and how often it did', async () => {
    const world = await worldOf(async () => answer('', 503));
    for (let index = 0; index < 5; index++) await world.policy.decide(call);
    expect(world.lines).toEqual([expect.objectContaining({ detail: { error: 'it answered 503', failures: 1 } })]);
    world.nowMs += 10_000;
    await world.policy.decide(call);
    expect(world.lines[1]?.detail).toEqual({ error: 'it answered 503', failures: 5 });
  });

  it('is asked so many questions at once, and one more is refused', async () => {
    const release = Promise.withResolvers<void>();
    const world = await worldOf(async () => {
      await release.promise;
      return answer({ result: true });
    });
    const waiting = Array.from({ length: MAX_QUESTIONS }, async () => world.policy.decide(call));
    expect(await world.policy.decide(call)).toEqual({ effect: 'deny', rule: 'external' });
    expect(world.asked).toHaveLength(MAX_QUESTIONS);
    release.resolve();
    expect((await Promise.all(waiting)).every(({ effect }) => effect === 'allow')).toBe(true);
    expect(await world.policy.decide(call)).toMatchObject({ effect: 'allow' });
  });
});
