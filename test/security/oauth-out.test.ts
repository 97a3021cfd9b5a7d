/** Tokens for servers: whose they are, where they go, where they lie, and who may bring one. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text as bodyOf } from 'node:stream/consumers';
import { ProtocolError } from '@modelcontextprotocol/client';
import type { Client } from '@modelcontextprotocol/client';
import { beforeAll, describe, expect, it } from 'vitest';
import { WebBrowser } from '../../packages/server/src/browser/testing/web-browser.ts';
import { agree, bearer, KEYS, logIn, openLink, openPlace, type Person, type Place } from '../gateway/login-support.ts';
import { startGateway, temporaryFolder } from '../gateway/gateway.ts';
import { openSdk2, type Opened } from '../support/clients.ts';
import { freePort } from '../support/port.ts';
import { openPki, trustAuthority, type Pki } from './web-support.ts';

const open = (place: Pick<Place, 'started'>, person: Person): Promise<Opened<Client>> =>
  openSdk2(place.started.url, { era: 'stateless', ...bearer(person) });

async function whoami({ client }: Opened<Client>): Promise<unknown> {
  const { content } = await client.callTool({ name: 'up__whoami' });
  return (content as { text?: string }[])[0]?.text;
}

async function refusal({ client }: Opened<Client>): Promise<ProtocolError> {
  const error: unknown = await client.callTool({ name: 'up__whoami' }).catch((reason: unknown) => reason);
  if (error instanceof ProtocolError) return error;
  throw new Error(`no protocol error: ${String(error)}`);
}

const linkOf = async (opened: Opened<Client>): Promise<string> => ((await refusal(opened)).data as { url: string }).url;

const isBack = (url: string): boolean => url.includes('/oauth/callback');

/** Every file below a folder, as bytes. */
async function filesBelow(folder: string): Promise<readonly { path: string; bytes: Buffer; mode: number }[]> {
  const found: { path: string; bytes: Buffer; mode: number }[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found.push({ path, bytes: await readFile(path), mode: (await stat(path)).mode & 0o777 });
  }
  return found;
}

describe('tokens of principals', () => {
  it('P1-01 are each principal’s own: alice and bob never get each other’s lists, answers or tokens', async () => {
    await using place = await openPlace();
    await using alice = await open(place, 'alice');
    await using bob = await open(place, 'bob');
    await logIn(place, 'alice', await linkOf(alice), 'alice-there');
    // Hers is no good to him: he is still asked.
    expect((await refusal(bob)).code).toBe(-31005);
    expect((await bob.client.listTools()).tools).toEqual([]);
    await logIn(place, 'bob', await linkOf(bob), 'bob-there');
    expect([await whoami(alice), await whoami(bob)]).toEqual(['alice-there', 'bob-there']);
    const names = async ({ client }: Opened<Client>): Promise<string[]> =>
      (await client.listTools()).tools.map(({ name }) => name);
    expect(await names(alice)).toEqual(['up__whoami', 'up__papers_of_alice-there']);
    expect(await names(bob)).toEqual(['up__whoami', 'up__papers_of_bob-there']);
    const tokens = new Map(place.up.requests.map(({ person, token }) => [person, token]));
    expect(new Set([tokens.get('alice-there'), tokens.get('bob-there')]).size).toBe(2);
  });

  it('UPS-13 the key of a client never goes to a server, and no token of a server to a client or a log', async () => {
    await using place = await openPlace();
    await using alice = await open(place, 'alice');
    await logIn(place, 'alice', await linkOf(alice), 'alice');
    const answers = [await alice.client.callTool({ name: 'up__whoami' }), await alice.client.listTools()];
    expect(place.up.headerLines.filter((lines) => Object.values(KEYS).some((key) => lines.includes(key)))).toEqual([]);
    const told = JSON.stringify([answers, place.started.log.items]);
    expect(place.up.tokens().length).toBeGreaterThan(1);
    expect(place.up.tokens().filter((token) => told.includes(token))).toEqual([]);
  });

  it('P1-02 P1-04 lie in the state alone, sealed, in files of this user only', async () => {
    await using place = await openPlace();
    await using alice = await open(place, 'alice');
    await logIn(place, 'alice', await linkOf(alice), 'alice');
    expect(await whoami(alice)).toBe('alice');
    const files = await filesBelow(place.state);
    expect(files.map(({ path }) => path).some((path) => path.endsWith('state.db'))).toBe(true);
    for (const { bytes, mode, path } of files) {
      expect([path, mode]).toEqual([path, 0o600]);
      for (const token of place.up.tokens()) expect(bytes.includes(token), path).toBe(false);
    }
  });

  it('P1-06 are renewed once by two gateways on one store, however many calls come', async () => {
    const clock = { passedMs: 0 };
    const now = (): number => Date.now() + clock.passedMs;
    await using place = await openPlace({ now });
    await using other = await startGateway(place.configuration, { stateDirectory: place.state, now });
    await using alice = await open(place, 'alice');
    await using elsewhere = await open({ started: other }, 'alice');
    await logIn(place, 'alice', await linkOf(alice), 'alice');
    expect([await whoami(alice), await whoami(elsewhere)]).toEqual(['alice', 'alice']);
    for (let round = 1; round <= 3; round++) {
      place.up.expire();
      // One that came just now would not be renewed: the next would be refused as well.
      clock.passedMs += 60_000;
      const calls = Array.from({ length: 20 }, (_, at) => whoami(at % 2 === 0 ? alice : elsewhere));
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['alice']));
      expect(place.up.tokenRequests.filter((grant) => grant === 'refresh_token')).toHaveLength(round);
    }
    expect([place.up.thefts, place.up.tokenRequests.filter((each) => each.startsWith('error'))]).toEqual([0, []]);
  });

  it('UPS-18 P1-01 of a login that ended in one gateway, another on the same store shows nothing either', async () => {
    await using place = await openPlace();
    await using other = await startGateway(place.configuration, { stateDirectory: place.state });
    const { localKey = '', rooms } = place.started.gateway;
    const headers = { authorization: `Bearer ${localKey}` };
    await using here = await openSdk2(place.started.url, { era: 'stateless', headers });
    await using there = await openSdk2(other.url, { era: 'stateless', headers });
    const begun = await rooms.logins.login('up', { device: false });
    if (begun.status !== 'login') throw new Error(JSON.stringify(begun));
    place.up.person = 'local-there';
    expect((await new WebBrowser().open(begun.url)).text).toContain('You are logged in');
    const names = async ({ client }: Opened<Client>): Promise<string[]> =>
      (await client.listTools()).tools.map(({ name }) => name);
    for (const each of [here, there]) await expect.poll(() => names(each)).toContain('up__papers_of_local-there');
    expect(await rooms.logins.logout('up')).toEqual({ status: 'revoked' });
    for (const each of [here, there]) await expect.poll(() => names(each)).toEqual([]);
  });

  it('outlive a restart, and so does that a server is each principal’s own', async () => {
    await using place = await openPlace();
    await using alice = await open(place, 'alice');
    await logIn(place, 'alice', await linkOf(alice), 'alice');
    expect(await whoami(alice)).toBe('alice');
    await place.started.gateway.close();
    await using again = await startGateway(place.configuration, { stateDirectory: place.state });
    const before = place.up.requests.length;
    await using later = await open({ started: again }, 'alice');
    expect(await whoami(later)).toBe('alice');
    // Nothing was asked without a token.
    expect(place.up.requests.slice(before).map(({ person }) => person)).not.toContain(undefined);
  });
});

describe('login links', () => {
  it('AUT-05 name no server that its caller knows by the addresses of its resources alone', async () => {
    const policy = { default: 'deny', rules: [{ effect: 'allow', resources: ['doc:*'] }] };
    await using place = await openPlace({ configuration: { policy } });
    await using alice = await open(place, 'alice');
    const names = ['up__whoami', 'other__whoami'];
    const errors = await Promise.all(
      names.map((name) => alice.client.callTool({ name }).catch(({ code, message }: ProtocolError) => [code, message])),
    );
    expect(errors).toEqual(names.map((name) => [-32602, `Unknown tool: ${name}`]));
  });

  it('are for the caller alone: bob is refused at alice’s, and learns nothing', async () => {
    await using place = await openPlace();
    await using alice = await open(place, 'alice');
    const page = await openLink(place, 'bob', await linkOf(alice));
    expect([page.status, page.text.includes('not for you')]).toEqual([403, true]);
    expect(page.text).not.toMatch(/alice|127\.0\.0\.1:\d+\/auth/);
    expect(place.up.tokenRequests).toEqual([]);
  });

  it('lead to a login that is finished once', async () => {
    await using place = await openPlace();
    await using alice = await open(place, 'alice');
    const browser = new WebBrowser();
    const back = await agree(await openLink(place, 'alice', await linkOf(alice), browser), browser, isBack);
    expect((await browser.open(back.url)).text).toContain('You are logged in');
    const again = await browser.open(back.url);
    expect([again.status, again.text.includes('You are logged in')]).toEqual([403, false]);
    expect(place.up.tokenRequests).toEqual(['authorization_code']);
  });

  it('UPS-04 a login that nobody was led to, an answer of another server and errors are refused without their text', async () => {
    await using place = await openPlace();
    await using alice = await open(place, 'alice');
    const browser = new WebBrowser();
    const link = await linkOf(alice);
    const back = new URL((await agree(await openLink(place, 'alice', link, browser), browser, isBack)).url);
    const wrong = new URL(back);
    wrong.searchParams.set('iss', 'https://evil.test');
    const page = await browser.open(wrong.href);
    expect([page.status, page.text]).toEqual([403, expect.not.stringContaining('evil')]);
    expect(place.up.tokenRequests).toEqual([]);
    const error = new URL('/oauth/callback?error=access_denied&error_description=WORDS&state=', back);
    error.searchParams.set('state', 'x'.repeat(43));
    const stray = await browser.open(error.href);
    expect([stray.status, stray.text]).toEqual([403, expect.not.stringContaining('WORDS')]);
  });
});

interface Nameless extends AsyncDisposable {
  readonly url: string;
  /** That it was asked to redeem. */
  readonly codes: string[];
}

/** A server and its authorization server, which does not say in its answers who it is, on one port. */
async function openNameless(): Promise<Nameless> {
  const codes: string[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', origin);
    if (pathname === '/authorize') {
      const answer = new URLSearchParams({ code: 'theirs', state: searchParams.get('state') ?? '' });
      response.writeHead(302, { location: `${searchParams.get('redirect_uri')}?${answer.toString()}` }).end();
      return;
    }
    const documents: Readonly<Record<string, object>> = {
      '/.well-known/oauth-protected-resource/mcp': { resource: `${origin}/mcp`, authorization_servers: [origin] },
      '/.well-known/oauth-authorization-server': {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`,
        code_challenge_methods_supported: ['S256'],
      },
      '/register': { client_id: 'us' },
      '/token': { access_token: 'granted', token_type: 'Bearer' },
    };
    void bodyOf(request).then((body) => {
      if (pathname === '/token') codes.push(new URLSearchParams(body).get('code') ?? '');
      const missing = pathname === '/mcp' ? 401 : 404;
      response.writeHead(pathname in documents ? 200 : missing, { 'content-type': 'application/json' });
      response.end(JSON.stringify(documents[pathname] ?? {}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${origin}/mcp`,
    codes,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a server that does not name itself in its answers', () => {
  it('UPS-04 is believed at the place that it alone was given, and at no other', async () => {
    await using up = await openNameless();
    const configuration = { mcpServers: { up: { url: up.url, oauth: { allowLoopbackHttp: true } } } };
    await using started = await startGateway(configuration);
    const { logins } = started.gateway.rooms;
    const comeBack = async (change: (back: string) => string): Promise<string> => {
      const begun = await logins.login('up', { device: false });
      if (begun.status !== 'login') throw new Error(JSON.stringify(begun));
      const browser = new WebBrowser();
      const { url } = await browser.open(begun.url, isBack);
      return (await browser.open(change(url))).text;
    };
    const own = /\/oauth\/callback\/[0-9a-f]{32}\?/;
    // What an answer that was meant for somebody else would look like.
    expect(await comeBack((back) => back.replace(own, '/oauth/callback?'))).toContain('The login did not work');
    expect(up.codes).toEqual([]);
    expect(await comeBack((back) => (own.test(back) ? back : 'http://127.0.0.1:1/'))).toContain('You are logged in');
    expect(up.codes).toEqual(['theirs']);
  });
});

describe('over TLS', () => {
  const at: { pki?: Pki } = {};
  beforeAll(async () => {
    const pki = await openPki();
    at.pki = pki;
    return () => pki[Symbol.asyncDispose]();
  });

  it('a login that alice began is not finished in mallory’s browser', async () => {
    const pki = at.pki as Pki;
    using stack = new DisposableStack();
    stack.use(trustAuthority(pki.authority));
    const { cert, key } = await pki.writePair(
      pki.authority.issue({ commonName: 'localhost', subjectAltName: 'IP:127.0.0.1', usage: 'serverAuth' }),
    );
    const port = await freePort();
    const base = `https://127.0.0.1:${port}`;
    await using place = await openPlace({
      configuration: { listen: { port, tls: { cert, key } } },
      oauth: { clientId: 'gateway' },
      redirectUris: [`${base}/oauth/callback`],
    });
    await using alice = await openSdk2(`${base}/mcp`, { era: 'stateless', ...bearer('alice') });
    const [hers, mallorys] = [new WebBrowser(pki.authority.cert), new WebBrowser(pki.authority.cert)];
    const link = await linkOf(alice);
    expect(link.startsWith(`${base}/login/`)).toBe(true);
    place.up.person = 'mallory';
    const back = await agree(await openLink(place, 'alice', link, hers), hers, isBack);
    expect(hers.cookiesSet.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(
        /^__Host-sallyport-upstream=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/,
      ),
    );
    const stolen = await mallorys.open(back.url);
    expect([stolen.status, stolen.text.includes('another browser')]).toEqual([403, true]);
    expect(place.up.tokenRequests).toEqual([]);
    // Nothing was used up by it.
    expect((await hers.open(back.url)).text).toContain('You are logged in');
  });
});

describe('addresses that servers name', () => {
  it('UPS-01 of the inner net are not connected to, also when the server itself is one that was written', async () => {
    const connections: string[] = [];
    const inner = createServer().on('connection', () => connections.push('inner'));
    await new Promise<void>((resolve) => inner.listen(0, '127.0.0.1', resolve));
    const secret = `http://127.0.0.1:${(inner.address() as AddressInfo).port}`;
    const outer = createServer((_request, response) =>
      response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${secret}/metadata"` }).end(),
    );
    await new Promise<void>((resolve) => outer.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(outer.address() as AddressInfo).port}/mcp`;
    await using folder = await temporaryFolder();
    await using started = await startGateway({ mcpServers: { up: { url } } }, { stateDirectory: folder.path });
    await using local = await openSdk2(started.url, { era: 'stateless' });
    const error: unknown = await local.client.callTool({ name: 'up__x' }).catch((reason: unknown) => reason);
    expect((error as ProtocolError).code).toBe(-32602);
    expect(JSON.stringify(error)).not.toContain(secret);
    expect(connections).toEqual([]);
    const why = await started.log.until(({ text }) => text.includes('none can be had'), 'the reason in the log');
    expect(why).toMatchObject({ level: 'warn', detail: { server: 'up' } });
    for (const server of [inner, outer]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
