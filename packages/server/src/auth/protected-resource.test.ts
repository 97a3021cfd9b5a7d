import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChallenge } from './challenge.ts';
import {
  createProtectedResources,
  type ProtectedResources,
  type ProtectedResourcesOptions,
} from './protected-resource.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

const resources = (options: Partial<ProtectedResourcesOptions> = {}): ProtectedResources =>
  createProtectedResources({
    bases: () => ['https://gw.test'],
    path: '/mcp',
    otherPaths: ['/sse', '/messages'],
    authorizationServers: ['https://id.test/tenant'],
    scopes: ['mcp', 'offline_access'],
    name: 'Sallyport',
    ...options,
  });

describe('metadata of protected resources', () => {
  it('says what RFC 9728 wants, and nothing of refresh tokens', () => {
    expect(resources().metadata({ path: `${WELL_KNOWN}/mcp/s/files` })).toEqual({
      resource: 'https://gw.test/mcp/s/files',
      authorization_servers: ['https://id.test/tenant'],
      scopes_supported: ['mcp'],
      bearer_methods_supported: ['header'],
      resource_name: 'Sallyport',
    });
    let port = 0;
    const own = resources({ authorizationServers: () => [`http://127.0.0.1:${port}`] });
    port = 7420;
    expect(own.metadata({ path: WELL_KNOWN })?.authorization_servers).toEqual(['http://127.0.0.1:7420']);
    expect(resources({ scopes: [] }).metadata({ path: WELL_KNOWN })).not.toHaveProperty('scopes_supported');
  });

  it.each([
    ['', '/mcp'],
    ['/mcp', '/mcp'],
    ['/mcp/s/files', '/mcp/s/files'],
    ['/mcp/v/reading', '/mcp/v/reading'],
    ['/sse', '/sse'],
  ])('is there for %j', (path, resource) => {
    expect(resources().metadata({ path: WELL_KNOWN + path })?.resource).toBe(`https://gw.test${resource}`);
  });

  it.each([
    '/',
    '/mcp/',
    '/mcpx',
    '/mcp/s',
    '/mcp/s/',
    '/mcp/x/files',
    '/mcp/s/files/more',
    '/mcp/s/a.b',
    '/mcp/s/%66iles',
    '/mcp/s/a"b',
    `/mcp/s/${'a'.repeat(33)}`,
    '/api/v1/servers',
    '/metrics',
    'x',
  ])('is not there for %j', (path) => {
    expect(resources().metadata({ path: WELL_KNOWN + path })).toBeUndefined();
  });

  it('names the resource as the client does that asks, if that name is ours', () => {
    const own = resources({ bases: () => ['http://127.0.0.1:7420', 'http://localhost:7420'] });
    const asked = (host: string): string | undefined => own.metadata({ path: WELL_KNOWN, host })?.resource;
    expect(asked('localhost:7420')).toBe('http://localhost:7420/mcp');
    expect(asked('LOCALHOST:7420')).toBe('http://localhost:7420/mcp');
    expect(asked('evil.test')).toBe('http://127.0.0.1:7420/mcp');
    expect(own.metadataUrl({ path: '/mcp', host: 'localhost:7420' })).toBe(`http://localhost:7420${WELL_KNOWN}/mcp`);
    expect(own.audiences('/mcp')).toEqual(['http://127.0.0.1:7420/mcp', 'http://localhost:7420/mcp']);
  });

  it('knows a public URL in canonical form, also one below a path of a proxy', () => {
    const own = resources({ bases: () => ['HTTPS://GW.Test:443/gate/'] });
    expect(own.audiences('/mcp/s/files')).toEqual(['https://gw.test/gate/mcp', 'https://gw.test/gate/mcp/s/files']);
    expect(own.metadataUrl({ path: '/mcp' })).toBe(`https://gw.test${WELL_KNOWN}/gate/mcp`);
    for (const path of [`${WELL_KNOWN}/gate/mcp`, `${WELL_KNOWN}/mcp`, `${WELL_KNOWN}/gate`]) {
      expect(own.metadata({ path })?.resource, path).toBe('https://gw.test/gate/mcp');
    }
    expect(own.metadata({ path: `${WELL_KNOWN}/gates/mcp` })).toBeUndefined();
  });

  it('gives at the URL that a challenge names the resource that was asked', () => {
    const own = resources();
    const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/);
    fc.assert(
      fc.property(fc.constantFrom('s', 'v'), name, (kind, server) => {
        const path = `/mcp/${kind}/${server}`;
        const url = new URL(own.metadataUrl({ path }));
        expect(own.metadata({ path: url.pathname, host: url.host })?.resource).toBe(`https://gw.test${path}`);
      }),
    );
  });
});

describe('audiences', () => {
  it.each([
    ['/mcp', ['https://gw.test/mcp']],
    ['/mcp/s/files', ['https://gw.test/mcp', 'https://gw.test/mcp/s/files']],
    ['/sse', ['https://gw.test/mcp', 'https://gw.test/sse']],
    ['/messages', ['https://gw.test/mcp', 'https://gw.test/sse', 'https://gw.test/messages']],
    ['/api/v1/servers', ['https://gw.test/mcp']],
    ['/mcp/../admin', ['https://gw.test/mcp']],
  ])('of %s', (path, audiences) => {
    expect(resources().audiences(path)).toEqual(audiences);
  });
});

describe('challenges', () => {
  const challenge = createChallenge({ metadataUrl: resources().metadataUrl, scopes: ['mcp', 'offline_access'] });

  it('with nothing shown has no error', () => {
    expect(challenge({ path: '/mcp/s/files' })).toBe(
      `Bearer realm="sallyport", resource_metadata="https://gw.test${WELL_KNOWN}/mcp/s/files", scope="mcp"`,
    );
  });

  it('at the path where messages are posted name the stream that they belong to', () => {
    const named = (path: string): string | undefined => /resource_metadata="([^"]*)"/.exec(challenge({ path }))?.[1];
    expect(named('/messages')).toBe(`https://gw.test${WELL_KNOWN}/sse`);
    expect(named('/messages')).toBe(named('/sse'));
  });

  it('AUT-12 with a scope that is missing names all that are needed, each once', () => {
    expect(challenge({ path: '/mcp' }, 'insufficient_scope', ['write', 'mcp', 'offline_access'])).toBe(
      `Bearer realm="sallyport", resource_metadata="https://gw.test${WELL_KNOWN}/mcp", scope="mcp write", error="insufficient_scope", error_description="The access token lacks a scope."`,
    );
  });

  it('have nothing in them that was sent, and no scope that would break out of its quotes', () => {
    const path = '/mcp/s/x", evil="1';
    expect(challenge({ path, host: 'evil.test"' }, 'invalid_token', ['a"b', 'a b', '\\', 'é', '', 'ok'])).toBe(
      `Bearer realm="sallyport", resource_metadata="https://gw.test${WELL_KNOWN}/mcp", scope="mcp ok", error="invalid_token", error_description="The access token is not valid here."`,
    );
  });

  it('of keys alone say no more than the scheme', () => {
    const keysOnly = createChallenge({ scopes: ['mcp'] });
    expect([keysOnly({ path: '/mcp' }), keysOnly({ path: '/mcp' }, 'invalid_token')]).toEqual([
      'Bearer realm="sallyport"',
      'Bearer realm="sallyport"',
    ]);
  });
});
