import { afterEach, describe, expect, it } from 'vitest';
import { openStrictProvider, type StrictProvider } from '../oauth/testing/strict-provider.ts';
import { testClient, type TestClient } from '../testing/clients.ts';
import { json, ok } from '../testing/http-servers.ts';
import type { ClientError } from './error.ts';
import type { OAuthOptions } from './login.ts';
import { memoryStore } from './memory-store.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A server of the stateless era that wants a token of the provider beside it. */
async function protectedServer(): Promise<StrictProvider> {
  const provider = await openStrictProvider((request, response) => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined || !provider.knows(token)) {
      const at = `${provider.issuer}/.well-known/oauth-protected-resource/mcp`;
      response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${at}"` }).end();
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { id, method } = JSON.parse(Buffer.concat(parts).toString()) as { id: number; method: string };
      const said = method === 'tools/call' ? { content: [] } : { supportedVersions: ['2026-07-28'], capabilities: {} };
      json(response, ok(id, { resultType: 'complete', ...said }));
    });
  });
  cleanups.push(() => provider.close());
  return provider;
}

async function open(provider: StrictProvider, oauth: OAuthOptions): Promise<TestClient> {
  const tested = await testClient({ url: provider.resource, type: 'http' }, { oauth, era: 'stateless' });
  cleanups.push(() => tested.client.destroy());
  return tested;
}

/** A browser whose person is signed in: it goes where it is sent, and back to the program. */
async function browse(provider: StrictProvider, url: string): Promise<Response> {
  const back = new URL(url).searchParams.get('redirect_uri') as string;
  const query = await provider.browse(url, back);
  return fetch(`${back}?${query.toString()}`);
}

// The provider makes a key for each.
describe('a server that wants a token', { timeout: 30_000 }, () => {
  it('gets one of a client with a secret, without a person', async () => {
    const provider = await protectedServer();
    const { client } = await open(provider, {
      grant: 'client_credentials',
      clientId: 'machine',
      clientSecret: 'a+secret/with:odd chars%',
      scopes: ['read'],
    });
    await client.start();
    expect(await client.callTool('any')).toMatchObject({ content: [] });
    expect(provider.tokenRequests).toEqual(['client_credentials']);
  });

  it('gets one of a person whose browser comes back, once for all who wait', async () => {
    const provider = await protectedServer();
    const pages: Promise<Response>[] = [];
    const { client } = await open(provider, {
      open: (url) => void pages.push(browse(provider, url)),
      scopes: ['read'],
    });
    await Promise.all([client.start(), client.callTool('any'), client.callTool('other')]);
    expect(provider.tokenRequests).toEqual(['authorization_code']);
    expect(pages).toHaveLength(1);
    const page = (await pages[0]) as Response;
    expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(await page.text()).toContain('You can close this page');
  });

  it('keeps it in the store that was given, for the next client', async () => {
    const provider = await protectedServer();
    const store = memoryStore(Date.now);
    const first = await open(provider, { open: (url) => void browse(provider, url), store, scopes: ['read'] });
    await first.client.start();
    await first.client.close();
    const next = await open(provider, { open: () => Promise.reject(new Error('asked')), store, scopes: ['read'] });
    await next.client.start();
    expect(provider.tokenRequests).toEqual(['authorization_code']);
  });

  it('takes an answer at a page of the application’s own', async () => {
    const provider = await protectedServer();
    const uri = 'https://app.example/back';
    const came = Promise.withResolvers<URL>();
    const { client } = await open(provider, {
      open: async (url) => {
        const query = await provider.browse(url, uri);
        const at = new URL(url).searchParams.get('redirect_uri') as string;
        came.resolve(new URL(`${at}?${query.toString()}`));
      },
      redirect: { uri, wait: () => came.promise },
      scopes: ['read'],
    });
    await client.start();
    expect(provider.tokenRequests).toEqual(['authorization_code']);
  });

  it.each<[string, (timers: TestClient) => Promise<void> | void, string]>([
    ['nobody comes', async ({ timers, fire }) => fire(await timers.next(({ ms }) => ms === 4321)), 'unauthorized'],
    ['the client ends', ({ client }) => client.destroy(), 'closed'],
  ])('is told where a login is needed when %s', async (_what, end, code) => {
    const provider = await protectedServer();
    const opened = Promise.withResolvers<string>();
    const tested = await open(provider, { open: (url) => opened.resolve(url), loginMs: 4321, scopes: ['read'] });
    const start = tested.client.start().catch((error: unknown) => error as ClientError);
    const url = await opened.promise;
    await end(tested);
    expect(await start).toMatchObject({ code });
    expect(URL.canParse(url)).toBe(true);
  });
});

describe('the way back', { timeout: 30_000 }, () => {
  it('takes nothing but the answer that it waits for, and that once', async () => {
    const provider = await protectedServer();
    const opened = Promise.withResolvers<string>();
    const { client } = await open(provider, { open: (url) => opened.resolve(url), scopes: ['read'] });
    const start = client.start();
    const url = await opened.promise;
    const back = new URL(url).searchParams.get('redirect_uri') as string;
    const state = new URL(url).searchParams.get('state') as string;
    const status = async (target: string, method: string = 'GET'): Promise<number> =>
      (await fetch(target, { method })).status;
    expect(await status(back)).toBe(404);
    expect(await status(`${back}?state=other&code=x`)).toBe(404);
    expect(await status(`${back}?state=${state}&state=${state}&code=x`)).toBe(404);
    expect(await status(`${new URL(back).origin}/?state=${state}&code=x`)).toBe(404);
    expect(await status(`${back}/a/b?state=${state}&code=x`)).toBe(404);
    expect(await status(`${back}?state=${state}&code=x`, 'POST')).toBe(404);
    expect((await browse(provider, url)).status).toBe(200);
    await start;
    expect(await status(`${back}?state=${state}&code=x`)).toBe(404);
  });
});
