/** Clients that are described by a document of their own (OAuth Client ID Metadata Document). */

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@sallyport/wire';
import type { Fetch } from '../auth/fetch-json.ts';
import { createClientDocuments, isDocumentUrl } from './client-documents.ts';
import { createWorld, outcome, REDIRECT_URI, TestClient, TestServer, type World } from './testing/server.ts';

const ID = 'https://client.example/metadata.json';
const GOOD: JsonObject = {
  client_id: ID,
  client_name: 'Documented',
  redirect_uris: [REDIRECT_URI],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'none',
};

interface Site {
  readonly fetch: Fetch;
  readonly asked: string[];
}

function site(answer: () => Response | Promise<Response>): Site {
  const asked: string[] = [];
  return {
    asked,
    fetch: async (url, init) => {
      asked.push(url);
      expect(init).toMatchObject({ redirect: 'error', headers: { accept: 'application/json' } });
      return await answer();
    },
  };
}

function json(document: unknown, headers: Record<string, string> = {}, status = 200): Response {
  const text = JSON.stringify(document);
  return new Response(text, { status, headers: { 'content-type': 'application/json', ...headers } });
}

const worldOf = ({ fetch }: Site): World => createWorld({ clientIdMetadata: true, registration: false, fetch });

describe('a client with a document', () => {
  it('needs no registration, and is named with the host that publishes it', async () => {
    const { asked, fetch } = site(() => json(GOOD));
    await using at = await TestServer.start(worldOf({ asked, fetch }));
    expect(at.server.metadata()).toMatchObject({ client_id_metadata_document_supported: true });
    const client = new TestClient(at, ID, undefined);
    const page = await (await at.get(client.request())).text();
    for (const shown of ['Documented', 'client.example', 'app.example']) expect(page).toContain(shown);
    const tokens = await client.grant();
    expect(outcome(await at.verify(tokens.access_token))).toBe('alice');
    expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
    expect(asked).toEqual([ID]);
  });

  it('is not fetched for somebody who is not signed in', async () => {
    const { asked, fetch } = site(() => json(GOOD));
    const world = worldOf({ asked, fetch });
    world.person = undefined;
    await using at = await TestServer.start(world);
    expect((await at.get(new TestClient(at, ID, undefined).request())).status).toBe(401);
    expect((await at.post(new TestClient(at, ID, undefined).request(), new URLSearchParams())).status).toBe(403);
    expect(asked).toEqual([]);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ['that cannot be fetched', () => Promise.reject(new Error('no such host internal.corp'))],
    ['that was moved', () => json(GOOD, { location: 'https://other.example/' }, 302)],
    ['that is not there', () => json(GOOD, {}, 404)],
    ['that is no JSON', () => new Response('{', { headers: { 'content-type': 'application/json' } })],
    ['that is served as text', () => new Response(JSON.stringify(GOOD), { headers: { 'content-type': 'text/plain' } })],
    ['that is a list', () => json([GOOD])],
    ['that is too large', () => json({ ...GOOD, more: 'x'.repeat(64 * 1024) })],
    ['of another client', () => json({ ...GOOD, client_id: 'https://other.example/metadata.json' })],
    ['whose id is written in another way', () => json({ ...GOOD, client_id: 'HTTPS://client.example/metadata.json' })],
    ['without an id', () => json({ ...GOOD, client_id: undefined })],
    ['without a name', () => json({ ...GOOD, client_name: undefined })],
    ['without redirect URIs', () => json({ ...GOOD, redirect_uris: [] })],
    ['with a bad redirect URI', () => json({ ...GOOD, redirect_uris: ['http://client.example/cb'] })],
    ['for another redirect URI', () => json({ ...GOOD, redirect_uris: ['https://client.example/cb'] })],
    ['with a secret', () => json({ ...GOOD, client_secret: 'x' })],
    ['with the expiry of a secret', () => json({ ...GOOD, client_secret_expires_at: 0 })],
    ['that wants to use a secret', () => json({ ...GOOD, token_endpoint_auth_method: 'client_secret_basic' })],
    ['that wants to use a key', () => json({ ...GOOD, token_endpoint_auth_method: 'private_key_jwt' })],
  ])('%s is answered with a page, never with a redirect', async (_what, answer) => {
    await using at = await TestServer.start(worldOf(site(answer)));
    const given = await at.get(new TestClient(at, ID, undefined).request());
    expect([given.status, given.headers.get('location')]).toEqual([400, null]);
    expect(await given.text()).not.toContain('internal.corp');
  });

  it('that never ends is given up', async () => {
    const aborted: unknown[] = [];
    const documents = createClientDocuments({
      fetch: (_url, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => {
            aborted.push(signal.reason);
            reject(signal.reason as Error);
          });
        }),
      scopes: [],
      timeoutMs: 1,
      now: () => 0,
    });
    await expect(documents.find(ID)).rejects.toThrow('cannot be fetched');
    expect(aborted).toHaveLength(1);
  });

  it.each<[string, Record<string, string>, number]>([
    ['a minute when nothing is said', {}, 60_000],
    ['a minute when it must not be kept', { 'cache-control': 'no-store, max-age=3600' }, 60_000],
    ['a minute at least', { 'cache-control': 'max-age=1' }, 60_000],
    ['as long as is said', { 'cache-control': 'public, max-age=3600' }, 3_600_000],
    ['a day at most', { 'cache-control': 'max-age=99999999' }, 86_400_000],
  ])('is kept for %s', async (_what, headers, expectedMs) => {
    const clock = { nowMs: 0 };
    const { asked, fetch } = site(() => json(GOOD, headers));
    const documents = createClientDocuments({ fetch, scopes: [], timeoutMs: 1000, now: () => clock.nowMs });
    await documents.find(ID);
    clock.nowMs = expectedMs - 1;
    await documents.find(ID);
    expect(asked).toHaveLength(1);
    clock.nowMs = expectedMs;
    await documents.find(ID);
    expect(asked).toHaveLength(2);
  });

  it('is not kept for ever with all others', async () => {
    const asked: string[] = [];
    const fetch: Fetch = async (url) => {
      asked.push(url);
      return json({ ...GOOD, client_id: url });
    };
    const documents = createClientDocuments({ fetch, scopes: [], timeoutMs: 1000, now: () => 0 });
    for (let each = 0; each <= 1000; each++) await documents.find(`https://client.example/${each}`);
    await documents.find('https://client.example/1');
    expect(asked).toHaveLength(1001);
    await documents.find('https://client.example/0');
    expect(asked).toHaveLength(1002);
  });
});

it.each([
  ['https://client.example/metadata.json', true],
  ['https://client.example:8443/a?b=c', true],
  ['https://client.example/', false],
  ['https://client.example', false],
  ['http://client.example/metadata.json', false],
  ['https://user@client.example/metadata.json', false],
  ['https://client.example/metadata.json#x', false],
  ['https://client.example/a/../b', false],
  ['https://client.example/a/./b', false],
  ['https://Client.example/metadata.json', false],
  ['https://client.example/a b', false],
  [`https://client.example/${'x'.repeat(500)}`, false],
  ['sc_AAAAAAAAAAAAAAAAAAAAAA', false],
])('%s is the URL of a document: %s', (id, expected) => {
  expect(isDocumentUrl(id)).toBe(expected);
});
