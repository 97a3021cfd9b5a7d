/** Logins at servers whose place or login is taken away while something of theirs is still open. */
import { createSecretKey, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { sealing } from '../credentials/index.ts';
import { createMemoryStore } from '../store/memory.ts';
import { recordsOf } from '../store/records.ts';
import { Logins, type LoginServer } from '../logins/index.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Place {
  readonly url: string;
  readonly origin: string;
  /** Paths that were asked. */
  readonly asked: string[];
  /** A code was entered. */
  entered: boolean;
  /** Who grants access, as it says. */
  issuer: string;
}

/** A resource and its authorization server, whose tokens begin with its port. */
async function openPlace(): Promise<Place> {
  const place = { url: '', origin: '', asked: [] as string[], entered: false, issuer: '' };
  const http = createServer((request, response) => {
    const { origin, url } = place;
    const documents: Readonly<Record<string, object>> = {
      '/.well-known/oauth-protected-resource/mcp': { resource: url, authorization_servers: [place.issuer] },
      '/.well-known/oauth-authorization-server': {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        device_authorization_endpoint: `${origin}/device`,
        code_challenge_methods_supported: ['S256'],
      },
      '/device': { device_code: 'd', user_code: 'u', verification_uri: `${origin}/enter`, interval: 0.01 },
      '/token': { access_token: `of-${origin}`, token_type: 'Bearer' },
    };
    const path = request.url ?? '';
    place.asked.push(path);
    request.resume();
    const isPending = path === '/token' && !place.entered;
    response.writeHead(isPending ? 400 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isPending ? { error: 'authorization_pending' } : documents[path]));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  place.origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  place.url = `${place.origin}/mcp`;
  place.issuer = place.origin;
  closers.push(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return place;
}

function serverAt({ url }: Place, grant: LoginServer['oauth']['grant']): LoginServer {
  const oauth = {
    clientId: 'c',
    clientSecret: 's',
    scopes: [],
    grant,
    per: 'principal',
    allowLoopbackHttp: true,
  } as const;
  return { name: 'up', url, oauth };
}

/** What gateways of one installation share. */
interface Shared {
  readonly store: ReturnType<typeof createMemoryStore>;
  readonly key: ReturnType<typeof createSecretKey>;
}

const alone = (): Shared => ({
  store: createMemoryStore({ now: Date.now }),
  key: createSecretKey(randomBytes(32)),
});

function open(server: LoginServer, { key, store } = alone()): Logins {
  const logins = new Logins({
    servers: [server],
    allow: [],
    env: {},
    records: recordsOf(store, 'upstream-oauth'),
    asked: recordsOf(store, 'upstream-asked'),
    browsers: recordsOf(store, 'upstream-browsers'),
    news: recordsOf(store, 'upstream-news'),
    sealing: sealing(key),
    user: ALICE,
    redirectUri: () => 'http://127.0.0.1:1/oauth/callback',
    log: () => undefined,
    told: () => undefined,
    now: Date.now,
  });
  closers.push(() => logins.close());
  return logins;
}

const ALICE = { issuer: 'local', subject: 'alice' };
const REFUSED = { status: 401, wwwAuthenticate: undefined, sent: undefined } as const;

describe('a server that is somewhere else now', () => {
  it('UPS-13 gets its tokens there alone: what is still open at the old place is given none', async () => {
    const [old, next] = [await openPlace(), await openPlace()];
    old.entered = next.entered = true;
    const logins = open(serverAt(old, 'client_credentials'));
    const before = logins.authorizationFor('up', undefined);
    expect(await before?.challenged(REFUSED)).toBe('retry');
    expect(await before?.token()).toBe(`of-${old.origin}`);
    logins.replace([serverAt(next, 'client_credentials')], []);
    const now = logins.authorizationFor('up', undefined);
    await expect(before?.challenged(REFUSED)).rejects.toThrow('somewhere else now');
    expect(next.asked).toEqual([]);
    expect(await now?.challenged(REFUSED)).toBe('retry');
    expect([await now?.token(), await before?.token()]).toEqual([`of-${next.origin}`, undefined]);
  });

  it('leads nobody to where it asked for a login before', async () => {
    const [old, next] = [await openPlace(), await openPlace()];
    const logins = open(serverAt(old, 'authorization_code'));
    const issuer = async (): Promise<unknown> => {
      const begun = await logins.begin('up', ALICE);
      return begun === 'retry' ? begun : begun.login.issuer;
    };
    expect(await issuer()).toBe(old.origin);
    logins.replace([serverAt(next, 'authorization_code')], []);
    expect(await issuer()).toBe(next.origin);
  });
});

describe('a server that names another authorization server', () => {
  it('UPS-05 does not get the secret of the configured client shown to that one', async () => {
    const [place, evil] = [await openPlace(), await openPlace()];
    place.entered = evil.entered = true;
    const tokens = open(serverAt(place, 'client_credentials')).authorizationFor('up', undefined);
    expect(await tokens?.challenged(REFUSED)).toBe('retry');
    place.issuer = evil.origin;
    const next = tokens?.challenged({ ...REFUSED, sent: await tokens.token() });
    await expect(next).rejects.toThrow('oauth.clientSecret was used at');
    expect(evil.asked).toEqual(['/.well-known/oauth-authorization-server']);
  });
});

describe('two gateways on one store', () => {
  it('UPS-18 P1-01 hear of each other’s logins, of those over another and of logouts, and of none that is old', async () => {
    const place = await openPlace();
    place.entered = true;
    const shared = alone();
    const server = serverAt(place, 'authorization_code');
    const [here, there] = [open(server, shared), open(server, shared)];
    const heard: object[] = [];
    there.onChanged((change) => heard.push(change));
    await there.open();
    const logIn = async (): Promise<void> => await (await here.beginDevice('up', ALICE)).device.finished;
    for (const over of [false, true]) {
      await logIn();
      await expect
        .poll(() => there.refresh().then(() => heard.splice(0)))
        .toEqual([{ server: 'up', owner: ALICE, is: 'in', over }]);
      expect(there.hasToken('up', ALICE)).toBe(true);
    }
    await here.logout('up', ALICE);
    await expect
      .poll(() => there.refresh().then(() => heard.splice(0)))
      .toEqual([{ server: 'up', owner: ALICE, is: 'out', over: true }]);
    expect(there.hasToken('up', ALICE)).toBe(false);
    const late = open(server, shared);
    late.onChanged((change) => heard.push(change));
    await late.open();
    await Promise.all([late.refresh(), here.refresh(), there.refresh()]);
    expect(heard).toEqual([]);
  });
});

describe('a logout', () => {
  it('UPS-18 ends a login by a code that is under way: nothing is granted when it is entered afterwards', async () => {
    const place = await openPlace();
    const logins = open(serverAt(place, 'authorization_code'));
    const { device } = await logins.beginDevice('up', ALICE);
    expect(await logins.logout('up', ALICE)).toBe('nothing');
    place.entered = true;
    await expect(device.finished).rejects.toThrow('broken off');
    expect(await logins.grant('up', ALICE)).toBeUndefined();
  });
});
