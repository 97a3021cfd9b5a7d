import { describe, expect, it } from 'vitest';
import { checkConfig } from './check.ts';
import { masked } from './describe.ts';
import { effectiveView } from './effective.ts';
import { copyPath, documentHash, readDocuments, type DocumentFiles } from './openapi-files.ts';
import { opening } from './opening.ts';
import { checkServers, resolveServer } from './servers.ts';
import type { Path } from './source.ts';
import type { Config } from './types.ts';

const SECRET = 'CANARY-7d1f-CANARY-7d1f-CANARY-7d1f';
const URL_OF = 'https://api.example.com/openapi.json';

function configOf(openapi: unknown, unresolved: readonly Path[] = []): Config {
  const { entry, findings } = checkConfig({ mcpServers: { s: { openapi } } });
  if (entry === undefined) throw new Error(findings.map(({ path, message }) => `${path.join('.')}: ${message}`).join());
  const { mcpServers, ...rest } = entry;
  const options = { directory: '/etc/sallyport', fileEnv: {}, unresolved };
  return {
    ...rest,
    servers: Object.entries(mcpServers).map(([name, each]) => resolveServer(name, each, options)),
    secretFiles: [],
  };
}
const targetOf = (openapi: unknown, unresolved?: readonly Path[]): unknown =>
  configOf(openapi, unresolved).servers[0]?.target;

describe('openapi of a server', () => {
  it('is a document, or an object with one', () => {
    expect(targetOf('./api.yaml')).toEqual({
      kind: 'openapi',
      document: '/etc/sallyport/api.yaml',
      hash: '',
      operations: { deny: [] },
      auth: {},
      headers: {},
      maxBytes: 4 * 1024 * 1024,
      pagination: true,
    });
    expect(
      targetOf({ document: URL_OF, sha256: 'a'.repeat(64), maxBytes: '1 KiB', operations: { allow: ['*'] } }),
    ).toMatchObject({ source: URL_OF, maxBytes: 1024, operations: { allow: ['*'], deny: [] } });
  });

  it.each([
    [{ document: 'x', auth: { a: {} } }, 'expected one of'],
    [{ document: 'x', auth: { a: { value: 'x', username: 'y' } } }, 'expected one of'],
    [{ document: 'x', auth: { a: { value: 'x', password: 'y' } } }, 'belongs to'],
    [{ document: 'x', auth: { a: { clientId: 'x' } } }, 'belong together'],
    [
      { document: 'x', auth: { a: { clientId: 'x', clientSecret: 'y', tokenUrl: 'http://far.example/' } } },
      'https URL',
    ],
    [{ document: 'x', server: 'https://a:b@x.example' }, 'without credentials'],
    [{ document: 'x', server: 'https://x.example/?a=b' }, 'query'],
    [{ document: 'x', server: 'https://${HOST}/' }, 'http or https URL'],
    [{ document: 'x', sha256: 'abc' }, 'SHA-256'],
    [{ document: 'x', operation: ['*'] }, 'unknown key'],
    [{}, 'document'],
    ['', 'expected'],
  ])('refuses %j', (openapi, message) => {
    expect(() => configOf(openapi)).toThrow(message);
  });

  it('stands alone', () => {
    const found = checkServers({
      mcpServers: { s: { openapi: 'x', url: URL_OF, headers: { a: 'b' }, env: { A: 'b' } } },
    });
    expect(found.map(({ path }) => path.at(-1))).toEqual(['url', 'env', 'headers']);
  });

  it('sends nothing that still holds a variable, and shows no secret', () => {
    const openapi = {
      document: 'x',
      auth: {
        a: { value: SECRET },
        b: { username: 'u', password: SECRET },
        c: { clientId: 'i', clientSecret: SECRET },
      },
      headers: { 'x-key': SECRET },
    };
    expect(
      targetOf(openapi, [
        ['openapi', 'auth', 'a', 'value'],
        ['openapi', 'headers', 'x-key'],
      ]),
    ).toMatchObject({ headers: {}, auth: { b: {}, c: {} } });
    expect(Object.keys((targetOf(openapi, [['openapi', 'auth', 'a', 'value']]) as { auth: object }).auth)).toEqual([
      'b',
      'c',
    ]);
    expect(JSON.stringify(masked(effectiveView(configOf(openapi))))).not.toContain('CANARY');
    expect(JSON.stringify(masked({ mcpServers: { s: { openapi } } }))).not.toContain('CANARY');
  });

  it('is opened by more than what reads, and by what is not denied any more', () => {
    const of = (operations?: object): Config => configOf({ document: 'x', ...(operations && { operations }) });
    expect(opening(of(), of({ allow: ['*'] }))).toEqual(['mcpServers.s.openapi.operations.allow']);
    expect(opening(of({ allow: ['*'], deny: ['a'] }), of({ allow: ['*'] }))).toEqual([
      'mcpServers.s.openapi.operations.deny',
    ]);
    expect(opening(of({ allow: ['*'] }), of())).toEqual([]);
  });
});

describe('documents', () => {
  const bytes = new TextEncoder().encode('{}');
  const files: DocumentFiles = {
    read: async (path) => (path.endsWith('none') ? Promise.reject(new Error('ENOENT')) : bytes),
    checkTrusted: async (path) =>
      path.endsWith('open') ? Promise.reject(new Error('others may write to it')) : { realPath: path },
  };
  const found = async (openapi: unknown): Promise<readonly unknown[]> => {
    const { entry } = checkConfig({ mcpServers: { s: { openapi } } });
    const draft = { file: 'f', source: { value: {}, problems: [], positions: new Map() } } as never;
    const documents = await readDocuments(draft, entry, '/d', files);
    return [...documents.found.values(), ...documents.problems.map(({ message }) => message)];
  };

  it('are found beside the configuration, and are what they were said to be', async () => {
    const hash = documentHash(bytes);
    expect(await found('api.json')).toEqual([{ path: '/d/api.json', hash }]);
    expect(await found({ document: 'api.json', sha256: hash })).toEqual([{ path: '/d/api.json', hash }]);
    expect(await found({ document: URL_OF, sha256: hash })).toEqual([{ path: copyPath('/d', 's'), hash }]);
    expect(await found({ document: 'api.json', sha256: 'a'.repeat(64) })).toEqual([
      expect.stringContaining('is not what `sha256` says'),
    ]);
    expect(await found(URL_OF)).toEqual([expect.stringContaining('`sha256` is missing')]);
    expect(await found('none')).toEqual([expect.stringContaining('cannot be read: ENOENT')]);
    expect(await found('open')).toEqual([expect.stringContaining('others may write')]);
  });
});
