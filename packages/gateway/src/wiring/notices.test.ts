import type { Session } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../call.ts';
import { createNotices } from './notices.ts';

const SESSION = { endpoint: '/mcp' } as Session;

function setUp(servers: readonly string[], effect: Decision['effect'] = 'allow') {
  const told: string[] = [];
  const roots: Session[] = [];
  const clock = { nowMs: 0 };
  const notice = createNotices({
    serversOf: () => servers,
    decide: () => ({ effect, rule: 'r' }),
    rootsChanged: (session) => roots.push(session),
    tell: (server, { method }) => told.push(`${server} ${method}`),
    log: () => undefined,
    now: () => clock.nowMs,
  });
  const tell = async (method: string, isInSession = true): Promise<void> => {
    notice({ jsonrpc: '2.0', method }, isInSession ? SESSION : undefined);
    await Promise.resolve();
  };
  return { tell, told, roots, clock };
}

describe('what a client tells', () => {
  it.each(['tools/call', 'vendor/delete', 'resources/read', 'notifications', 'notification/x'])(
    'is no request in another form: %s',
    async (method) => {
      const { tell, told } = setUp(['only']);
      await tell(method);
      expect(told).toEqual([]);
    },
  );

  it('passes where one server alone is meant, and the policy allows it', async () => {
    const cases = [setUp(['only']), setUp(['one', 'two']), setUp([]), setUp(['only'], 'deny'), setUp(['only'], 'ask')];
    for (const { tell } of cases) await tell('notifications/vendor/x');
    expect(cases.map(({ told }) => told)).toEqual([['only notifications/vendor/x'], [], [], [], []]);
  });

  it('is not for servers when it is about the client alone', async () => {
    const { tell, told, roots } = setUp(['only']);
    for (const method of ['roots/list_changed', 'progress', 'cancelled', 'initialized'])
      await tell(`notifications/${method}`);
    expect([told, roots]).toEqual([[], [SESSION]]);
    await tell('notifications/roots/list_changed', false);
    expect(roots).toHaveLength(1);
  });

  it('is heard so often in a while', async () => {
    const { tell, told, clock } = setUp(['only']);
    for (let n = 0; n < 500; n++) await tell('notifications/x');
    expect(told).toHaveLength(100);
    clock.nowMs = 10_000;
    await tell('notifications/x');
    expect(told).toHaveLength(101);
  });
});
