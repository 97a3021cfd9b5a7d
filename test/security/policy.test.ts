/** The policy in force in a whole gateway: what it withholds when it says nothing, and what it decides by. */
import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { openSession, stateless, textOf, type Message } from '../gateway/raw-client.ts';
import { openIdentityProvider, type ProviderClient } from '../support/identity-provider.ts';
import { openCaller, openStdioCaller, plain, WAYS, type Caller } from './callers.ts';
import { bearer, createIssuer, list, randomKey, startGuarded } from './support.ts';

const ALMOST_ONE = Date.UTC(2030, 0, 1, 12, 59);

const toolsOf = async (caller: Caller): Promise<string[]> => {
  const { result } = JSON.parse(await caller.ask('tools/list')) as { result: { tools: { name: string }[] } };
  return result.tools.map(({ name }) => name);
};

const call = async (caller: Caller, name: string, given: object = {}): Promise<Message> =>
  JSON.parse(await caller.ask('tools/call', { name, arguments: given })) as Message;

const errorOf = ({ error }: Message): unknown => error && [error.code, error.message];

describe('an empty policy', () => {
  it.each(WAYS)('AUT-01 denies everything and shows nothing, by %s', async (way) => {
    const key = randomKey();
    const resources = [{ uri: 'file:///a', name: 'a' }];
    await using place = await startGuarded(
      { auth: { keys: [{ name: 'ann', key }] }, policy: {} },
      { server: { resources, templates: [{ uriTemplate: 'file:///{x}', name: 't' }], prompts: [{ name: 'p' }] } },
    );
    await place.started.gateway.rooms.catalog.root.ready();
    await using caller = await openCaller(way, place.started, key);
    for (const kind of ['tools', 'prompts', 'resources', 'resources/templates']) {
      const text = await caller.ask(`${kind}/list`);
      expect(Object.values((JSON.parse(text) as Message).result ?? {}).filter(Array.isArray)).toEqual([[]]);
    }
    expect(errorOf(await call(caller, 'up__pid'))).toEqual([-32602, 'Unknown tool: up__pid']);
    expect(plain(await caller.ask('vendor/anything'))).toContain('"code":-32601');
    expect(place.up.server.received.some((text) => /tools\/call|vendor|resources\/read/.test(text))).toBe(false);
    for (const path of ['/mcp/s/up', '/mcp/s/none']) {
      expect((await list(`${place.base}${path}`, bearer(key))).status).toBe(404);
    }
  });

  it('AUT-01 is one for the user of this machine, too, over stdio and HTTP', async () => {
    await using place = await startGuarded({ auth: { mode: 'key' }, policy: {} });
    await using caller = await openStdioCaller(place.started);
    expect(await toolsOf(caller)).toEqual([]);
    expect(errorOf(await call(caller, 'up__pid'))).toEqual([-32602, 'Unknown tool: up__pid']);
    const { body } = await list(place.started.url, bearer(place.started.gateway.localKey as string));
    expect(JSON.parse(body)).toMatchObject({ result: { tools: [] } });
  });
});

describe('a role', () => {
  it('P2-16 of the user of this machine counts over stdio as over HTTP', async () => {
    const rules = [{ effect: 'allow', roles: ['own'], tools: ['up__pid', 'up__number'] }];
    const policy = { roles: { own: { keys: ['local'] } }, rules };
    await using place = await startGuarded({ auth: { mode: 'key' }, policy });
    const key = place.started.gateway.localKey as string;
    const callers = [await openStdioCaller(place.started), await openCaller('session', place.started, key)];
    for (const caller of callers) {
      expect(await toolsOf(caller)).toEqual(['up__pid', 'up__number']);
      expect(textOf(await call(caller, 'up__number', { n: 1 }))).toBe('1');
      expect(errorOf(await call(caller, 'up__raw'))).toEqual([-32602, 'Unknown tool: up__raw']);
    }
    for (const caller of callers) await caller[Symbol.asyncDispose]();
  });

  it('P4-07 comes from the name of a key, a group or a claim, and from nothing that a client says of itself', async () => {
    const issuer = createIssuer();
    const key = randomKey();
    await using place = await startGuarded({
      auth: { mode: ['key', 'jwt'], keys: [{ name: 'ann', key }], jwt: issuer.settings },
      policy: {
        roles: {
          byKey: { keys: ['ann'] },
          byGroup: { groups: ['eng'] },
          byClaim: { claims: { 'org.unit': ['sales', 'law'] } },
        },
        rules: ['byKey', 'byGroup', 'byClaim'].map((role, index) => ({
          effect: 'allow',
          roles: [role],
          tools: [['up__pid', 'up__raw', 'up__say'][index]],
        })),
      },
    });
    const { url } = place.started;
    const seen = async (token: string): Promise<string[]> =>
      [...(await list(url, bearer(token))).body.matchAll(/"up__(\w+)"/g)].map(([, name = '']) => name);
    const token = (claims: object): string => issuer.token({ aud: url, ...claims });
    expect(await seen(key)).toEqual(['pid']);
    // A name of a key means nothing in a token.
    expect(await seen(token({ sub: 'ann', name: 'ann', keys: ['ann'] }))).toEqual([]);
    expect(await seen(token({ groups: ['eng'] }))).toEqual(['raw']);
    expect(await seen(token({ groups: 'english' }))).toEqual([]);
    expect(await seen(token({ org: { unit: 'law' } }))).toEqual(['say']);
    expect(await seen(token({ roles: ['byKey', 'byClaim'] }))).toEqual(['say', 'pid']);
    const headers = { ...bearer(token({})), 'x-roles': 'byKey', 'x-forwarded-user': 'ann', 'x-groups': 'eng' };
    const meta = { roles: ['byKey'], principal: { issuer: 'local', subject: 'ann' } };
    const client = stateless(url, { roles: ['byKey'] }, headers);
    expect((await client.call('tools/list', {}, { meta })).result?.['tools']).toEqual([]);
  });
});

describe('a condition', () => {
  const rule = (when: string): object => ({ effect: 'allow', tools: ['up__number'], when, reason: 'not like this' });
  const refused = [-31003, 'Refused by policy: this call is not allowed'];

  it.each(WAYS)(
    'P2-16 looks at arguments, time and address of a call, and shows the tool in any case, by %s',
    async (way) => {
      const key = randomKey();
      const clock = { ms: ALMOST_ONE };
      const when =
        'arguments.n < 10.0 && time.getHours() == 12 && address == "127.0.0.1" && principal.subject == "ann"';
      await using place = await startGuarded(
        { auth: { keys: [{ name: 'ann', key }] }, policy: { rules: [rule(when)] } },
        { now: () => clock.ms },
      );
      await using caller = await openCaller(way, place.started, key);
      expect(await toolsOf(caller)).toEqual(['up__number']);
      expect(textOf(await call(caller, 'up__number', { n: 9 }))).toBe('9');
      for (const given of [{ n: 10 }, {}, { n: '1' }, { N: 1 }, { n: null }]) {
        expect(errorOf(await call(caller, 'up__number', given))).toEqual(refused);
      }
      clock.ms += 60_000;
      expect(errorOf(await call(caller, 'up__number', { n: 9 }))).toEqual(refused);
      expect(place.up.server.of('tools/call')).toHaveLength(1);
    },
  );

  it('P2-16 of an address counts the client behind a proxy that is trusted, and nobody else believes a header', async () => {
    const key = randomKey();
    const auth = { keys: [{ name: 'ann', key }] };
    const policy = { rules: [rule('address == "203.0.113.7"')] };
    const forwarded = { ...bearer(key), 'x-forwarded-for': '203.0.113.7' };
    const trusting = { listen: { port: 0, trustProxy: ['127.0.0.1'] } };
    const answers: unknown[] = [];
    for (const more of [{}, trusting]) {
      await using place = await startGuarded({ auth, policy, ...more });
      const client = stateless(place.started.url, {}, forwarded);
      answers.push(errorOf(await client.call('tools/call', { name: 'up__number', arguments: { n: 1 } })));
    }
    expect(answers).toEqual([refused, undefined]);
  });
});

describe('a scope', () => {
  const ALICE: ProviderClient = { id: 'alice', secret: 'secret-of-alice', roles: [] };
  const policy = {
    rules: [
      { effect: 'allow', tools: ['up__pid'] },
      { effect: 'allow', tools: ['up__number'], scopes: ['write'] },
      { effect: 'allow', tools: ['up__raw'], scopes: ['write', 'root'] },
    ],
  };

  it.each(['session', 'stateless'] as const)(
    'AUT-12 that a call lacks is a 403 with what it needs and no more, in the %s era',
    async (era) => {
      const issuer = createIssuer();
      const auth = { mode: 'jwt', jwt: issuer.settings, scopes: ['mcp'] };
      await using place = await startGuarded({ auth, policy });
      const { url } = place.started;
      const open = async (scope: string): ReturnType<typeof openSession> => {
        const headers = bearer(issuer.token({ aud: url, scope }));
        return era === 'session' ? await openSession(url, {}, headers) : (stateless(url, {}, headers) as never);
      };
      const reply = await (await open('mcp')).start('tools/call', { name: 'up__number', arguments: { n: 1 } });
      expect(reply.status).toBe(403);
      expect(reply.headers['www-authenticate']).toContain('error="insufficient_scope"');
      expect(/ scope="([^"]*)"/.exec(reply.headers['www-authenticate'] ?? '')?.[1]).toBe('mcp write');
      expect((await reply.last).message.error).toMatchObject({ code: -31003, data: { code: 'insufficient_scope' } });
      expect((await reply.last).text).not.toMatch(/root|up__raw/);
      const able = await open('mcp write');
      expect(textOf(await able.call('tools/call', { name: 'up__number', arguments: { n: 1 } }))).toBe('1');
      const more = await able.start('tools/call', { name: 'up__raw', arguments: {} });
      expect([more.status, /scope="([^"]*)"/.exec(more.headers['www-authenticate'] ?? '')?.[1]]).toEqual([
        403,
        'mcp write root',
      ]);
      await more.last;
    },
  );

  it('AUT-12 that a call lacks is said by name where there is no status', async () => {
    const issuer = createIssuer();
    await using place = await startGuarded({ auth: { mode: 'jwt', jwt: issuer.settings }, policy });
    const token = issuer.token({ aud: place.started.url, scope: 'mcp' });
    await using caller = await openCaller('websocket', place.started, token);
    expect(await toolsOf(caller)).toEqual(['up__raw', 'up__pid', 'up__number']);
    expect((await call(caller, 'up__number', { n: 1 })).error).toMatchObject({
      code: -31003,
      data: { code: 'insufficient_scope' },
    });
    expect(place.up.server.of('tools/call')).toEqual([]);
  });

  it('AUT-12 is got by an SDK client in a step of its own, from a real provider', async () => {
    await using provider = await openIdentityProvider('jwt', [ALICE]);
    const auth = { mode: 'oidc', scopes: ['mcp'], oidc: { issuer: provider.issuer, clientId: 'none' } };
    await using place = await startGuarded({ auth, policy });
    const client = new Client({ name: 'sdk', version: '1' });
    const authProvider = new ClientCredentialsProvider({
      clientId: ALICE.id,
      clientSecret: ALICE.secret,
      expectedIssuer: provider.issuer,
    });
    await client.connect(new StreamableHTTPClientTransport(new URL(place.started.url), { authProvider }));
    const tokens = (): number => provider.requests.filter((each) => each === 'POST /token').length;
    expect((await client.callTool({ name: 'up__pid', arguments: {} })).isError).not.toBe(true);
    expect(tokens()).toBe(1);
    expect((await client.callTool({ name: 'up__number', arguments: { n: 5 } })).content).toEqual([
      { type: 'text', text: '5' },
    ]);
    expect(tokens()).toBe(2);
    await client.close();
  });
});
