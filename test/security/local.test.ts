/** The user of this machine, and what is theirs alone: by the local key, straight to the listener, and by nothing else. */
import { describe, expect, it } from 'vitest';
import { stateless } from '../gateway/raw-client.ts';
import { bearer, createIssuer, knock, list, randomKey, startGuarded, type Guarded } from './support.ts';

const issuer = createIssuer();
const PROXIED: readonly Record<string, string>[] = [
  { 'x-forwarded-for': '203.0.113.7' },
  { 'x-forwarded-proto': 'https' },
  { forwarded: 'for=203.0.113.7' },
  { via: '1.1 proxy' },
  { 'x-real-ip': '203.0.113.7' },
];
const ADMIN = ['servers', 'tools', 'system'];

const keyOf = ({ started }: Guarded): string => started.gateway.localKey as string;

describe('the local key', () => {
  it.each(['jwt', 'oidc'] as const)('is good on this machine alone where clients have none: mode %s', async (mode) => {
    const settings = { jwt: issuer.settings, oidc: { issuer: 'https://issuer.example', clientId: 'none' } };
    await using place = await startGuarded({ auth: { mode, [mode]: settings[mode] } });
    const { url } = place.started;
    expect((await list(url, bearer(keyOf(place)))).status).toBe(200);
    for (const headers of PROXIED) expect((await list(url, { ...bearer(keyOf(place)), ...headers })).status).toBe(401);
  });

  it('is a key like another where clients have keys, and behind a public URL', async () => {
    await using place = await startGuarded({ auth: { mode: 'key' }, limits: { rate: { perPrincipal: '1/h' } } });
    const call = async (headers: object): Promise<number | undefined> => {
      const client = stateless(place.started.url, {}, { ...bearer(keyOf(place)), ...headers });
      return (await client.call('tools/call', { name: 'up__pid', arguments: {} })).error?.code;
    };
    expect([await call({}), await call({}), await call({})]).toEqual([undefined, undefined, undefined]);
    // Through a proxy it is somebody, with the limits of everybody.
    expect([await call({ via: '1.1 proxy' }), await call({ via: '1.1 proxy' })]).toEqual([undefined, -31004]);
  });

  it('ADM-01 alone opens the admin paths, and on this machine alone: they are nowhere for everybody else', async () => {
    const key = randomKey();
    const keys = [{ name: 'ann', key, roles: ['dev'] }];
    await using place = await startGuarded({
      auth: { mode: ['key', 'jwt'], keys, jwt: issuer.settings },
    });
    const { started, base } = place;
    const token = issuer.token({ aud: started.url, sub: 'local', roles: ['admin'] });
    const nowhere = await knock(`${base}/api/v1/none`, { headers: bearer(key) });
    expect(nowhere.status).toBe(404);
    for (const path of ADMIN.map((name) => `${base}/api/v1/${name}`)) {
      expect((await knock(path, { headers: bearer(keyOf(place)) })).status).toBe(200);
      const strangers = [bearer(key), ...PROXIED.map((headers) => ({ ...bearer(keyOf(place)), ...headers }))];
      for (const headers of strangers) {
        const { body, status } = await knock(path, { headers });
        expect([status, body]).toEqual([404, nowhere.body]);
      }
      // A token is for the MCP path; that it calls its subject `local` makes nobody the user of this machine.
      expect([401, 404]).toContain((await knock(path, { headers: bearer(token) })).status);
    }
  });

  it('P2-16 makes no admin of a token that calls its subject so: issuer and subject are one name', async () => {
    await using place = await startGuarded({
      auth: { mode: ['key', 'jwt'], jwt: issuer.settings },
      policy: { roles: { own: { keys: ['local'] } }, rules: [{ effect: 'allow', roles: ['own'], tools: ['*'] }] },
    });
    const { url } = place.started;
    expect((await list(url, bearer(keyOf(place)))).body).toContain('up__pid');
    const { body, status } = await list(url, bearer(issuer.token({ aud: url, sub: 'local' })));
    expect([status, body.includes('up__pid')]).toEqual([200, false]);
  });
});
