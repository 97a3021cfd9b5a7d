import { describe, expect, it } from 'vitest';
import { createClientCredentials, type ClientCredentialsTokens } from './client-credentials.ts';

function tokens(more: { tokenUrl?: string; status?: number; scopes?: readonly string[] } = {}): {
  readonly asked: string[];
  readonly clock: { nowMs: number };
  readonly source: ClientCredentialsTokens;
} {
  const asked: string[] = [];
  const clock = { nowMs: 0 };
  const source = createClientCredentials({
    tokenUrl: more.tokenUrl ?? 'https://login.example/token',
    client: { id: 'me', secret: 's' },
    scopes: more.scopes ?? [],
    allowLoopbackHttp: false,
    fetch: async (_url, init) => {
      asked.push(await new Response(init.body).text());
      const body = { access_token: `token-${asked.length}`, token_type: 'bearer', expires_in: 1000 };
      return Response.json(more.status === undefined ? body : { error: 'invalid_client' }, {
        status: more.status ?? 200,
      });
    },
    now: () => clock.nowMs,
    timeout: () => new AbortController().signal,
  });
  return { asked, clock, source };
}

describe('tokens of a client', () => {
  it('are asked for once for all, kept, and renewed before they end or when they were refused', async () => {
    const { asked, clock, source } = tokens({ scopes: ['a', 'b'] });
    expect(await Promise.all([source.token(), source.token()])).toEqual(['token-1', 'token-1']);
    clock.nowMs = 969_999;
    expect(await source.token()).toBe('token-1');
    clock.nowMs = 970_000;
    expect(await source.token()).toBe('token-2');
    source.refused('token-1');
    expect(await source.token()).toBe('token-2');
    source.refused('token-2');
    expect(await source.token()).toBe('token-3');
    expect(asked[0]).toBe('scope=a+b&grant_type=client_credentials');
  });

  it('are not asked for where the endpoint is not to be asked, and a refusal is not kept', async () => {
    const plain = tokens({ tokenUrl: 'http://login.example/token' });
    await expect(plain.source.token()).rejects.toThrow('must begin with https');
    expect(plain.asked).toEqual([]);
    const refused = tokens({ status: 401 });
    await expect(refused.source.token()).rejects.toThrow('invalid_client');
    await expect(refused.source.token()).rejects.toThrow('invalid_client');
    expect(refused.asked).toHaveLength(2);
  });
});
