/** Whole grants, over HTTP: what is given for what, to whom, and how it ends. */

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@sallyport/wire';
import type { Proof } from '../auth/proof.ts';
import { principalKey, type Principal } from '../exchange.ts';
import {
  ALICE,
  challengeOf,
  createWorld,
  credentials,
  outcome,
  START_MS,
  TestServer,
  type Tokens,
} from './testing/server.ts';

async function errorOf(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: string };
  return [response.status, error];
}

describe('a grant', () => {
  it('gives tokens that stand for the person at the MCP path, until they expire', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const tokens = await client.grant();
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'tools' });
    const proved = await at.verify(tokens.access_token);
    expect(proved).toMatchObject({ principal: { ...ALICE, scopes: ['tools'] } });
    at.world.clock.nowMs += 3_600_000;
    expect(outcome(await at.verify(tokens.access_token))).toBe('invalid');
  });

  it('P1-05 binds the code to the proof key: S256 alone, verifiers of 43 to 128 characters', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    for (const [verifier, expected] of [
      ['v'.repeat(43), 200],
      [`${'v'.repeat(120)}-._~AZ09`, 200],
      ['v'.repeat(42), 400],
      ['v'.repeat(129), 400],
      [`${'v'.repeat(42)}+`, 400],
    ] as const) {
      const code = await client.code({ code_challenge: challengeOf(verifier) });
      expect([verifier, (await client.exchange(code, { code_verifier: verifier })).status]).toEqual([
        verifier,
        expected,
      ]);
    }
    const other = await client.exchange(await client.code(), { code_verifier: 'w'.repeat(43) });
    expect(await errorOf(other)).toEqual([400, 'invalid_grant']);
    const challenge = await client.exchange(await client.code(), { code_verifier: challengeOf(client.verifier) });
    expect(await errorOf(challenge)).toEqual([400, 'invalid_grant']);
    const none = await client.exchange(await client.code(), { code_verifier: undefined });
    expect(await errorOf(none)).toEqual([400, 'invalid_request']);
  });

  it('takes a code once: a second use revokes what the first gave', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const code = await client.code();
    const tokens = (await (await client.exchange(code)).json()) as Tokens;
    expect(outcome(await at.verify(tokens.access_token))).toBe('alice');
    expect(await errorOf(await client.exchange(code))).toEqual([400, 'invalid_grant']);
    expect(outcome(await at.verify(tokens.access_token))).toBe('invalid');
    expect(await errorOf(await client.refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(at.world.events).toContainEqual(
      expect.objectContaining({ kind: 'misused', what: 'code', principal: ALICE }),
    );
  });

  it('takes a code once also of two requests at the same time, and leaves no token behind', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const code = await client.code();
    const answers = await Promise.all([client.exchange(code), client.exchange(code)]);
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    const given = (await Promise.all(answers.map(async (each) => await each.json()))) as Partial<Tokens>[];
    const outcomes = given.flatMap(({ access_token: token }) => (token === undefined ? [] : [at.verify(token)]));
    for (const proved of await Promise.all(outcomes)) expect(outcome(proved)).toBe('invalid');
  });

  it('lets a code live for a minute', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const [early, late] = [await client.code(), await client.code()];
    at.world.clock.nowMs += 59_999;
    expect((await client.exchange(early)).status).toBe(200);
    at.world.clock.nowMs += 1;
    expect(await errorOf(await client.exchange(late))).toEqual([400, 'invalid_grant']);
  });

  it('ends with any attempt that does not fit: the code is no good afterwards', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const other = await at.register();
    const spoilt = [
      async (code: string) => await other.exchange(code),
      async (code: string) => await client.exchange(code, { code_verifier: 'w'.repeat(43) }),
      async (code: string) => await client.exchange(code, { redirect_uri: 'https://app.example/other' }),
    ];
    for (const spoil of spoilt) {
      const code = await client.code();
      expect(await errorOf(await spoil(code))).toEqual([400, 'invalid_grant']);
      expect(await errorOf(await client.exchange(code))).toEqual([400, 'invalid_grant']);
    }
  });

  it('may leave the redirect URI out of the token request, as OAuth 2.1 does', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    expect((await client.exchange(await client.code(), { redirect_uri: undefined })).status).toBe(200);
  });

  it('gives no refresh token to a client that did not register for one', async () => {
    await using at = await TestServer.start();
    const client = await at.register({ grant_types: ['authorization_code'] });
    const tokens = await client.grant();
    expect(tokens.refresh_token).toBeUndefined();
    expect(outcome(await at.verify(tokens.access_token))).toBe('alice');
  });
});

describe('refreshing', () => {
  it('P1-05 asks who the person is: with the roles of today, no more when it is nobody, and again when nobody can tell', async () => {
    let present: () => Promise<Principal | undefined> = () => Promise.resolve({ ...ALICE, roles: ['viewer'] });
    await using at = await TestServer.start(createWorld({ present: async () => await present() }));
    const client = await at.register();
    const first = await client.grant();
    expect(await at.verify(first.access_token)).toMatchObject({ principal: { roles: ['dev'] } });
    const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens;
    // All that is in force has them.
    for (const token of [first.access_token, second.access_token])
      expect(await at.verify(token)).toMatchObject({ principal: { subject: 'alice', roles: ['viewer'] } });
    present = () => Promise.reject(new Error('it does not answer'));
    expect(await errorOf(await client.refresh(second.refresh_token))).toEqual([503, 'temporarily_unavailable']);
    present = () => Promise.resolve(undefined);
    expect(await errorOf(await client.refresh(second.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(outcome(await at.verify(second.access_token))).toBe('invalid');
  });

  it('P1-05 ends so long after the sign-in where nothing but that is known of the person', async () => {
    await using at = await TestServer.start(createWorld({ signInMs: 7_200_000 }));
    const client = await at.register();
    const first = await client.grant();
    at.world.clock.nowMs += 7_199_000;
    const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens;
    expect(second.expires_in).toBe(1);
    at.world.clock.nowMs += 1000;
    expect(await errorOf(await client.refresh(second.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(outcome(await at.verify(second.access_token))).toBe('invalid');
  });

  it('rotates, and the principal stays as at the sign-in after the session has ended', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const first = await client.grant();
    at.world.person = undefined;
    at.world.clock.nowMs += 3_600_000;
    const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens;
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(await at.verify(second.access_token)).toMatchObject({ principal: ALICE });
    at.world.clock.nowMs += 60_000;
    const third = await client.refresh(second.refresh_token);
    expect(third.status).toBe(200);
  });

  it('ends with a refresh token that was exchanged before: all tokens of the grant are dead', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const first = await client.grant();
    const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens;
    at.world.clock.nowMs += 10_001;
    expect(await errorOf(await client.refresh(first.refresh_token))).toEqual([400, 'invalid_grant']);
    for (const token of [first.access_token, second.access_token]) {
      expect(outcome(await at.verify(token))).toBe('invalid');
    }
    expect(await errorOf(await client.refresh(second.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(at.world.events).toContainEqual(expect.objectContaining({ kind: 'misused', what: 'refresh_token' }));
  });

  it('ends with one that is older than the last, however soon', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const first = await client.grant();
    const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens;
    const third = (await (await client.refresh(second.refresh_token)).json()) as Tokens;
    expect(await errorOf(await client.refresh(first.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(outcome(await at.verify(third.access_token))).toBe('invalid');
  });

  it('gives the very same answer once more within ten seconds, since answers are lost', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const first = await client.grant();
    const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens;
    at.world.clock.nowMs += 10_000;
    const again = (await (await client.refresh(first.refresh_token)).json()) as Tokens;
    expect(again).toEqual({ ...second, expires_in: second.expires_in - 10 });
    expect((await client.refresh(again.refresh_token)).status).toBe(200);
  });

  it('gives all of eight requests at the same time the same tokens, which are good', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const { refresh_token: token } = await client.grant();
    const answers = await Promise.all(Array.from({ length: 8 }, async () => await client.refresh(token)));
    const given = (await Promise.all(answers.map(async (each) => await each.json()))) as Tokens[];
    expect(new Set(given.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(outcome(await at.verify(given[0]!.access_token))).toBe('alice');
    expect((await client.refresh(given[0]!.refresh_token)).status).toBe(200);
  });

  it('narrows scopes and never widens them', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const { refresh_token: token } = await client.grant({ scope: 'tools prompts' });
    const narrow = (await (await client.refresh(token, { scope: 'tools' })).json()) as Tokens;
    expect(narrow.scope).toBe('tools');
    const whole = (await (await client.refresh(narrow.refresh_token)).json()) as Tokens;
    expect(whole.scope).toBe('tools prompts');
    const small = await client.grant({ scope: 'prompts' });
    expect(await errorOf(await client.refresh(small.refresh_token, { scope: 'tools' }))).toEqual([
      400,
      'invalid_scope',
    ]);
    expect((await client.refresh(small.refresh_token)).status).toBe(200);
  });

  it('does not end with what was never given, though it names the grant', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const { access_token: access, refresh_token: refresh } = await client.grant();
    const grantPart = access.slice(4, 48);
    const guesses = [
      `srt_${grantPart}${'A'.repeat(65)}`,
      `srt_${access.slice(4)}`,
      `${refresh!.slice(0, -1)}${refresh!.endsWith('A') ? 'E' : 'A'}`,
      `${refresh!.slice(0, 60)}${'A'.repeat(31)}${refresh!.slice(91)}`,
    ];
    at.world.grants.broken = true;
    for (const guess of guesses) {
      // Not even looked up.
      expect(await errorOf(await client.refresh(guess))).toEqual([400, 'invalid_grant']);
      expect(outcome(await at.verify(guess.replace('srt_', 'sat_')))).toBe(
        guess === guesses[1] ? 'unavailable' : 'invalid',
      );
    }
    at.world.grants.broken = false;
    expect(outcome(await at.verify(access))).toBe('alice');
    expect((await client.refresh(refresh)).status).toBe(200);
  });

  it('ends so long after the approval, however often it was done', async () => {
    await using at = await TestServer.start(createWorld({ refreshTokenMs: 7_200_000 }));
    const client = await at.register();
    const first = await client.grant();
    at.world.clock.nowMs = START_MS + 7_000_000;
    const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens;
    expect(second.expires_in).toBe(200);
    at.world.clock.nowMs = START_MS + 7_200_000;
    expect(await errorOf(await client.refresh(second.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(outcome(await at.verify(second.access_token))).toBe('invalid');
  });

  it('keeps the last four access tokens', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const tokens = [await client.grant()];
    for (let each = 0; each < 4; each++) {
      tokens.push((await (await client.refresh(tokens.at(-1)!.refresh_token)).json()) as Tokens);
    }
    const outcomes = [];
    for (const { access_token: token } of tokens) outcomes.push(outcome(await at.verify(token)));
    expect(outcomes).toEqual(['invalid', 'alice', 'alice', 'alice', 'alice']);
  });
});

describe('revocation', () => {
  it('of a refresh token ends the grant', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const tokens = await client.grant();
    const answer = await at.post(
      '/oauth/revoke',
      new URLSearchParams({ client_id: client.id, token: tokens.refresh_token! }),
    );
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(outcome(await at.verify(tokens.access_token))).toBe('invalid');
    expect((await client.refresh(tokens.refresh_token)).status).toBe(400);
  });

  it('of an access token ends that token alone', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const first = await client.grant();
    const second = (await (await client.refresh(first.refresh_token)).json()) as Tokens;
    const form = new URLSearchParams({ client_id: client.id, token: first.access_token, token_type_hint: 'nonsense' });
    expect((await at.post('/oauth/revoke', form)).status).toBe(200);
    expect(outcome(await at.verify(first.access_token))).toBe('invalid');
    expect(outcome(await at.verify(second.access_token))).toBe('alice');
  });

  it('of what is unknown is no error, of what belongs to another client is one and does nothing', async () => {
    await using at = await TestServer.start();
    const [client, other] = [await at.register(), await at.register()];
    const tokens = await client.grant();
    for (const token of ['nonsense', `sat_${'A'.repeat(109)}`, await client.code()]) {
      const answer = await at.post('/oauth/revoke', new URLSearchParams({ client_id: client.id, token }));
      expect(answer.status).toBe(200);
    }
    for (const token of [tokens.access_token, tokens.refresh_token!]) {
      const answer = await at.post('/oauth/revoke', new URLSearchParams({ client_id: other.id, token }));
      expect(await errorOf(answer)).toEqual([400, 'invalid_grant']);
    }
    expect(outcome(await at.verify(tokens.access_token))).toBe('alice');
  });

  it('of all that a person granted leaves nothing, and others alone', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const mine = [await client.grant(), await client.grant()];
    at.world.person = { ...ALICE, subject: 'bob' };
    const theirs = await client.grant();
    await at.server.revokeAll(principalKey(ALICE));
    for (const { access_token: token } of mine) expect(outcome(await at.verify(token))).toBe('invalid');
    expect(outcome(await at.verify(theirs.access_token))).toBe('bob');
  });
});

describe('several processes', () => {
  it('share grants; what one ends, the others refuse after their next refresh', async () => {
    const world = createWorld();
    await using here = await TestServer.start(world);
    const there = here.another();
    const client = await here.register();
    const [first, second] = [await client.grant(), await client.grant()];
    await there.refresh();
    const verify = async (token: string): Promise<string | undefined> => {
      return outcome(await there.verify(credentials(`Bearer ${token}`)));
    };
    expect([await verify(first.access_token), await verify(second.access_token)]).toEqual(['alice', 'alice']);
    await client.revoke(first.access_token);
    await there.refresh();
    expect([await verify(first.access_token), await verify(second.access_token)]).toEqual(['invalid', 'alice']);
    await here.server.revokeAll(principalKey(ALICE));
    await there.refresh();
    expect(await verify(second.access_token)).toBe('invalid');
  });

  it('answer one of eight refreshes each, all alike', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const { refresh_token: token } = await client.grant();
    await using other = await TestServer.start({ ...at.world, options: { issuer: () => at.origin } });
    const clients = [client, client.at(other)];
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, each) => await clients[each % 2]!.refresh(token)),
    );
    const texts = await Promise.all(answers.map(async (each) => await each.text()));
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toContain('access_token');
  });
});

describe('looking tokens up', () => {
  it('costs nothing while storage says that nothing changed, and at most for a second without its word', async () => {
    await using at = await TestServer.start();
    const { access_token: token } = await (await at.register()).grant();
    const shown = credentials(`Bearer ${token}`);
    await at.server.refresh();
    const first = await at.server.verify(shown);
    expect(at.server.verify(shown)).toBe(first);
    const { holds } = first as Proof;
    expect(holds(shown)).toBe(true);
    at.world.clock.nowMs += 1001;
    expect(holds(shown)).toBe(false);
    expect(at.server.verify(shown)).toBeInstanceOf(Promise);
    await at.server.refresh();
    expect(holds(shown)).toBe(true);
  });

  it('is not believed when a grant ends while it is under way', async () => {
    await using at = await TestServer.start();
    const { access_token: token } = await (await at.register()).grant();
    await at.server.refresh();
    const shown = credentials(`Bearer ${token}`);
    const underWay = at.server.verify(shown);
    await at.server.revokeAll(principalKey(ALICE));
    await underWay;
    expect(outcome(await at.server.verify(shown))).toBe('invalid');
  });

  it('fails closed when storage does', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const { access_token: token } = await client.grant();
    await at.server.refresh();
    expect(outcome(await at.verify(token))).toBe('alice');
    at.world.grants.broken = true;
    await expect(at.server.refresh()).rejects.toThrow('the store is broken');
    at.world.clock.nowMs += 1001;
    expect(outcome(await at.verify(token))).toBe('unavailable');
  });

  it('is not done again before the token expires, and then it is refused', async () => {
    await using at = await TestServer.start();
    const { access_token: token } = await (await at.register()).grant();
    const shown = credentials(`Bearer ${token}`);
    await at.server.refresh();
    const { holds } = (await at.server.verify(shown)) as Proof;
    at.world.clock.nowMs += 3_599_999;
    await at.server.refresh();
    expect(holds(shown)).toBe(true);
    at.world.clock.nowMs += 1;
    expect(holds(shown)).toBe(false);
    expect(outcome(await at.server.verify(shown))).toBe('invalid');
  });

  it.each([
    ['no credential', undefined, undefined],
    ['a client key', `Bearer sp_${'0'.repeat(16)}_${'A'.repeat(43)}`, undefined],
    ['another scheme', 'Basic sat_x', undefined],
    ['something like a token', 'Bearer sat_x', 'invalid'],
    ['a token of nobody', `Bearer sat_${'A'.repeat(109)}`, 'invalid'],
  ])('knows %s for what it is', async (_what, authorization, expected) => {
    await using at = await TestServer.start();
    expect(outcome(await at.server.verify(credentials(authorization)))).toBe(expected);
  });

  it('takes neither a code nor a refresh token for an access token', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const code = await client.code();
    const { refresh_token: refresh } = await client.grant();
    for (const token of [code, refresh!]) {
      expect(await at.verify(token)).toBeUndefined();
      expect(outcome(await at.verify(token.replace(/^..../, 'sat_')))).toBe('invalid');
    }
  });

  it('is asked for the path: a token for one view is good there and nowhere else', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const view = await client.grant({ resource: `${at.origin}/mcp/v/reading` });
    const outcomes = [];
    for (const path of ['/mcp/v/reading', '/mcp', '/mcp/v/writing', '/mcp/s/reading', '/mcp/v/reading/']) {
      outcomes.push(outcome(await at.verify(view.access_token, path)));
    }
    expect(outcomes).toEqual(['alice', 'invalid', 'invalid', 'invalid', 'invalid']);
    const root = await client.grant();
    expect(outcome(await at.verify(root.access_token, '/mcp/v/reading'))).toBe('alice');
  });

  it('says which scope is missing for all calls', async () => {
    await using at = await TestServer.start();
    const { access_token: token } = await (await at.register()).grant({ scope: 'prompts' });
    expect(outcome(await at.verify(token))).toBe('insufficient_scope');
  });
});

describe('at rest', () => {
  it('nothing that opens anything is stored', async () => {
    await using at = await TestServer.start();
    const client = await at.register({ token_endpoint_auth_method: 'client_secret_post' });
    const code = await client.code();
    const tokens = (await (await client.exchange(code)).json()) as Tokens;
    const next = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens;
    const stored = (await at.world.grants.dump()) + (await at.world.clients.dump());
    expect(stored).toContain('alice');
    for (const secret of [client.secret!, code, ...secretsOf(tokens), ...secretsOf(next)]) {
      // Without the part that is the key of the record.
      expect(stored).not.toContain(secret.slice(-60));
    }
  });

  it('a grant with another key, or edited by hand, is none', async () => {
    const world = createWorld();
    await using at = await TestServer.start(world);
    const { access_token: token } = await (await at.register()).grant();
    const other = await TestServer.start({ ...world, key: createWorld().key });
    expect(outcome(await other.verify(token))).toBe('invalid');
    await other[Symbol.asyncDispose]();
    const [record] = await world.grants.list();
    await world.grants.put(
      record!.key,
      { ...(record!.value as JsonObject), principal: 'admin' },
      { expiresAtMs: 9e15 },
    );
    expect(outcome(await at.verify(token))).toBe('invalid');
  });

  it('a person has a hundred grants at most: the oldest makes room', async () => {
    await using at = await TestServer.start();
    const client = await at.register();
    const first = await client.grant();
    at.world.clock.nowMs += 1;
    const second = await client.grant();
    at.world.clock.nowMs += 1;
    for (let each = 0; each < 99; each++) await client.code();
    expect(await at.world.grants.list()).toHaveLength(100);
    expect(outcome(await at.verify(first.access_token))).toBe('invalid');
    expect(outcome(await at.verify(second.access_token))).toBe('alice');
  });
});

function secretsOf({ access_token: access, refresh_token: refresh }: Tokens): string[] {
  return [access, ...(refresh === undefined ? [] : [refresh])];
}
