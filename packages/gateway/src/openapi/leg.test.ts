import type { Leg, Outgoing } from '@sallyport/client';
import type { OriginRequest, OriginResponse } from '@sallyport/client/egress';
import { describe, expect, it } from 'vitest';
import { readDocument } from './document.ts';
import { survey } from './index.ts';
import { createApiLeg } from './leg.ts';
import type { Along, Credentials } from './security.ts';

interface Opened {
  readonly leg: Leg;
  readonly asked: OriginRequest[];
  readonly timers: { readonly ms: number; readonly fire: () => void; isOff: boolean }[];
}

const DOCUMENT = {
  openapi: '3.1.0',
  paths: { '/a': { get: { operationId: 'a', parameters: [{ name: 'x-more', in: 'header' }] } } },
};
const NONE: Along = { headers: {}, query: [], cookies: [] };
const response = (status: number, more: Partial<OriginResponse> = {}): OriginResponse => ({
  status,
  headers: { 'content-type': 'text/plain' },
  body: Buffer.from('said'),
  isCut: false,
  ...more,
});

function open(
  answer: (request: OriginRequest) => OriginResponse | Promise<OriginResponse>,
  credentials: Partial<Credentials> = {},
): Opened {
  const { tools } = survey(readDocument(Buffer.from(JSON.stringify(DOCUMENT))), 'api', {
    headers: {},
    server: 'https://api.example/v1',
    operations: { allow: ['*'], deny: [] },
  });
  const asked: OriginRequest[] = [];
  const timers: Opened['timers'] = [];
  const leg = createApiLeg({
    tools: new Map(tools.map((tool) => [tool.operation.name, tool])),
    info: {},
    instructions: undefined,
    credentials: { problem: () => undefined, along: async () => NONE, ...credentials },
    open: () => ({
      request: async (request) => {
        asked.push(request);
        const given = Promise.withResolvers<never>();
        request.signal.addEventListener('abort', () => given.reject(request.signal.reason as Error));
        return await Promise.race([answer(request), given.promise]);
      },
      close: () => Promise.resolve(),
      destroy: () => undefined,
    }),
    headers: { 'x-own': 'operator' },
    secretNames: { query: new Set(), cookie: new Set() },
    maxBytes: 1000,
    boundary: () => 'mark',
    setTimer: (fire, ms) => {
      const timer = { ms, fire, isOff: false };
      timers.push(timer);
      return () => void (timer.isOff = true);
    },
    now: () => 0,
  });
  return { leg, asked, timers };
}

const never = (): Promise<never> => new Promise(() => undefined);
const call = ({ leg }: Opened, args: object = {}, name = 'a'): ReturnType<Leg['request']> => {
  const text = JSON.stringify({ method: 'tools/call', params: { name, arguments: args } });
  return leg.request({ text: () => text, timeoutMs: 2000, maxMs: 9000 } as Partial<Outgoing> as Outgoing);
};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a call of an API', () => {
  it('ends when it takes too long, is given up, or the server goes; nothing of it goes on', async () => {
    const opened = open(never);
    const ways: readonly [string, (pending: ReturnType<Leg['request']>) => void][] = [
      ['timeout', () => opened.timers.at(-1)?.fire()],
      ['cancelled', (pending) => pending.cancel('enough')],
      ['down', () => opened.leg.destroy()],
    ];
    for (const [reason, end] of ways) {
      const pending = call(opened);
      const failed = pending.answer.catch((error: unknown) => error);
      await turn();
      expect(opened.leg.inFlight).toBe(1);
      end(pending);
      expect(await failed).toMatchObject({ reason });
      expect(opened.asked.at(-1)?.signal.aborted).toBe(true);
      expect(opened.leg.inFlight).toBe(0);
    }
    expect(opened.timers.map(({ isOff, ms }) => [ms, isOff])).toEqual(ways.map(() => [2000, true]));
    await expect(call(opened).answer).rejects.toMatchObject({ reason: 'down' });
  });

  it('ends while a token is waited for, and says nothing of why there is none but to the log', async () => {
    const waiting = open(never, { along: never });
    const pending = call(waiting);
    pending.cancel();
    await expect(pending.answer).rejects.toMatchObject({ reason: 'cancelled' });
    expect(waiting.asked).toEqual([]);
    const failing = open(never, { along: () => Promise.reject(new Error('the token endpoint said no')) });
    await expect(call(failing).answer).rejects.toMatchObject({ reason: 'down' });
  });

  it('is made once more where its token was refused, and once only', async () => {
    let refused = 0;
    const opened = open(() => response(401), { along: async () => ({ ...NONE, refused: () => refused++ }) });
    const answer = await call(opened).answer;
    expect([opened.asked.length, refused]).toEqual([2, 1]);
    expect(answer.kind === 'result' && answer.after.toString()).toContain('HTTP 401');
    const plain = open(() => response(401));
    await call(plain).answer;
    expect(plain.asked).toHaveLength(1);
  });

  it('is sent with what the operator says, and no line of a caller', async () => {
    const opened = open(() => response(200));
    await call(opened, { 'x-more': 'b' }).answer;
    expect(opened.asked[0]).toMatchObject({
      method: 'GET',
      path: '/v1/a',
      headers: { 'x-own': 'operator', 'x-more': 'b' },
    });
    for (const args of [{ 'x-more': 'b\r\nhost: evil' }, { 'x-own': 'mine' }, { host: 'evil' }]) {
      const answer = await call(opened, args).answer;
      expect(answer.kind === 'result' && answer.after.toString()).toContain('"isError":true');
    }
    expect(opened.asked).toHaveLength(1);
    expect(await call(opened, {}, 'constructor').answer).toMatchObject({ kind: 'error' });
  });

  it('that is answered with more than may be read fails, but for what went wrong', async () => {
    await expect(call(open(() => response(200, { isCut: true }))).answer).rejects.toMatchObject({
      reason: 'too_large',
    });
    const failed = await call(open(() => response(500, { isCut: true }))).answer;
    expect(failed.kind === 'result' && failed.after.toString()).toContain('said…');
  });
});
