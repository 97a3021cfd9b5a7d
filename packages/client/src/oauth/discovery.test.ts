/** Discovery: who grants access to a resource, and what it says of itself. */

import type { JsonObject } from '@sallyport/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { discoverResource } from './resource-metadata.ts';
import { urlProblem } from './requests.ts';
import { checkPkce, discoverServer } from './server-metadata.ts';
import { openMockServer, RESOURCE_METADATA, SERVER_METADATA, type MockServer } from './testing/mock-server.ts';
import { loopbackRequests } from './testing/requests.ts';

const requests = loopbackRequests();
const opened: { mock?: MockServer } = {};
const mock = (): MockServer => opened.mock!;

beforeEach(async () => {
  opened.mock = await openMockServer();
});
afterEach(() => mock().close());

const paths = (): readonly string[] => mock().log.map(({ path }) => path);
const resourceOf = (named?: string) => discoverResource(mock().resource, named, requests);

describe('the protected resource', () => {
  it('is read where the challenge says, and nowhere else', async () => {
    mock().answers.set('/custom', { resource: mock().resource, authorization_servers: ['https://a'] });
    expect(await resourceOf(`${mock().origin}/custom`)).toEqual({
      resource: mock().resource,
      authorizationServers: ['https://a'],
    });
    await expect(resourceOf(`${mock().origin}/gone`)).rejects.toMatchObject({ problem: 'unusable' });
    expect(paths()).toEqual(['/custom', '/gone']);
  });

  it('else at its path, else at the root, which may speak for all of the host', async () => {
    mock().answers.set('/.well-known/oauth-protected-resource', {
      resource: mock().origin,
      authorization_servers: ['https://a', 7, 'https://b'],
      scopes_supported: ['x', 'x', 'not one'],
    });
    expect(await resourceOf()).toEqual({
      resource: mock().origin,
      authorizationServers: ['https://a', 'https://b'],
      scopesSupported: ['x'],
    });
    expect(paths()).toEqual([RESOURCE_METADATA, '/.well-known/oauth-protected-resource']);
  });

  it.each<[string, JsonObject]>([
    ['another host', { resource: 'https://evil.example/mcp' }],
    ['the whole host, said by one path', { resource: 'ORIGIN' }],
    ['another path', { resource: 'ORIGIN/mcp2' }],
    ['another query', { resource: 'ORIGIN/mcp?a' }],
    ['a fragment', { resource: 'ORIGIN/mcp#a' }],
    ['no resource', { resource: null }],
    ['no authorization server', { authorization_servers: [] }],
  ])('UPS-05 is refused when its metadata is about %s', async (_what, change) => {
    const text = JSON.stringify(change).replaceAll('ORIGIN', mock().origin);
    mock().publish({ resource: JSON.parse(text) as JsonObject });
    await expect(resourceOf()).rejects.toMatchObject({ problem: 'unusable' });
  });

  it('is there later, when its host fails', async () => {
    mock().answers.set(RESOURCE_METADATA, 503);
    await expect(resourceOf()).rejects.toMatchObject({ problem: 'unavailable' });
    mock().answers.set(RESOURCE_METADATA, 'cut');
    await expect(resourceOf()).rejects.toMatchObject({ problem: 'unavailable' });
  });
});

describe('the authorization server', () => {
  it.each([
    ['', ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']],
    [
      '/tenant1',
      [
        '/.well-known/oauth-authorization-server/tenant1',
        '/.well-known/openid-configuration/tenant1',
        '/tenant1/.well-known/openid-configuration',
      ],
    ],
  ])('is looked for in the order of the specification: %s', async (path, places) => {
    const issuer = mock().origin + path;
    await expect(discoverServer(issuer, requests)).rejects.toMatchObject({ problem: 'unusable' });
    expect(paths()).toEqual(places);
    mock().answers.set(places.at(-1)!, { issuer, token_endpoint: 'https://a/token' });
    expect(await discoverServer(issuer, requests)).toMatchObject({ issuer });
  });

  it.each(['ORIGIN/', 'ORIGIN/other', 'https://evil.example', 'HTTP'])('UPS-05 is not %s', async (other) => {
    const issuer = other === 'HTTP' ? mock().origin.toUpperCase() : other.replace('ORIGIN', mock().origin);
    mock().publish({ server: { issuer } });
    await expect(discoverServer(mock().origin, requests)).rejects.toMatchObject({ problem: 'unusable' });
  });

  it.each(['authorization_endpoint', 'token_endpoint', 'registration_endpoint', 'revocation_endpoint'])(
    'P1-11 is refused when its %s is not to be trusted',
    async (name) => {
      for (const url of ['http://auth.example/x', 'javascript:alert(1)', 'data:,x', 'file:///etc/passwd', '-flag', 7]) {
        mock().publish({ server: { [name]: url } });
        await expect(discoverServer(mock().origin, requests)).rejects.toMatchObject({ problem: 'unusable' });
      }
      expect(new Set(paths())).toEqual(new Set([SERVER_METADATA, '/.well-known/openid-configuration']));
    },
  );

  it('P1-11 http of this machine is asked only where that is allowed', async () => {
    mock().publish();
    const strict = loopbackRequests({ allowLoopbackHttp: false });
    await expect(discoverServer(mock().origin, strict)).rejects.toMatchObject({ problem: 'unusable' });
    await expect(discoverResource(mock().resource, undefined, strict)).rejects.toMatchObject({ problem: 'unusable' });
    expect(mock().log).toEqual([]);
    expect(await discoverServer(mock().origin, requests)).toMatchObject({ issuer: mock().origin });
    expect(urlProblem('http://localhost.evil.example/', true)).toBeDefined();
    expect(urlProblem('http://127.0.0.1.evil.example/', true)).toBeDefined();
    expect(urlProblem('https://me:secret@a/', true)).toBeDefined();
    expect(urlProblem(`https://a/${'x'.repeat(4087)}`, true)).toBe('it is too long');
    expect(urlProblem(`https://a/${'x'.repeat(4086)}`, true)).toBeUndefined();
  });

  it.each([
    ['http://10.1.2.3/mcp', true],
    ['http://127.0.0.1:1/mcp', false],
  ])('P1-11 of a server whose tokens would be sent without TLS nothing is asked: %s', async (resource, isAllowed) => {
    const asked: string[] = [];
    const strict = loopbackRequests({
      allowLoopbackHttp: isAllowed,
      fetch: async (url) => {
        asked.push(url);
        return Response.json({ resource, authorization_servers: ['https://as.test'] });
      },
    });
    const found = discoverResource(resource, 'https://metadata.test/', strict);
    await expect(found).rejects.toMatchObject({ problem: 'unusable' });
    expect(asked).toEqual([]);
  });

  it.each([[undefined], [['plain']], [[]]])('P1-05 without S256 it is refused: %s', async (methods) => {
    mock().publish({ server: { code_challenge_methods_supported: methods } });
    const server = await discoverServer(mock().origin, requests);
    expect(() => checkPkce(server)).toThrow(/PKCE/);
  });

  it('follows no redirect and reads no more than is reasonable', async () => {
    mock().answers.set(SERVER_METADATA, new URL(`${mock().origin}/elsewhere`));
    mock().answers.set('/elsewhere', { issuer: mock().origin, token_endpoint: 'https://a/token' });
    await expect(discoverServer(mock().origin, requests)).rejects.toThrow('status 302');
    expect(paths()).not.toContain('/elsewhere');
    mock().publish({ server: { padding: 'x'.repeat(300_000) } });
    await expect(discoverServer(mock().origin, requests)).rejects.toThrow('longer than');
  });
});
