import { expect, it } from 'vitest';
import { documentChanges } from './changes.ts';
import { readDocument, type ApiDocument } from './document.ts';

const of = (document: object): ApiDocument =>
  readDocument(new TextEncoder().encode(JSON.stringify({ openapi: '3.1.0', ...document })));
const PATHS = { '/a': { get: { operationId: 'a' }, put: {} }, '/b': { get: {} } };
const SCHEME = { type: 'oauth2', flows: { clientCredentials: { tokenUrl: 'https://one.example/token' } } };
const WAS = { paths: PATHS, components: { securitySchemes: { login: SCHEME } } };
const changes = (is: object): readonly string[] => documentChanges(of(WAS), of({ ...WAS, ...is }), 'api');
const elsewhere = [{ url: 'https://two.example' }];
const withToken = (tokenUrl: string): object => ({ ...SCHEME, flows: { clientCredentials: { tokenUrl } } });

it.each<[string, object, readonly unknown[]]>([
  ['nothing', {}, []],
  [
    'operations',
    { paths: { '/a': { ...PATHS['/a'], get: { summary: 'x' } }, '/c': { post: { summary: 'New.' } } } },
    ['- GET /b', '+ POST /c  New.', '~ GET /a'],
  ],
  [
    'what all operations of a path have, also where its calls go',
    { paths: { ...PATHS, '/a': { ...PATHS['/a'], servers: elsewhere } } },
    [
      expect.stringContaining('servers of GET /a'),
      expect.stringContaining('servers of PUT /a'),
      '~ GET /a',
      '~ PUT /a',
    ],
  ],
  [
    'the server of one',
    { paths: { ...PATHS, '/b': { get: { servers: elsewhere } } } },
    [expect.stringContaining('servers of GET /b'), '~ GET /b'],
  ],
  ['the servers', { servers: elsewhere }, [expect.stringContaining('calls go elsewhere')]],
  ['the security', { security: [{ login: [] }] }, [expect.stringContaining('which credentials')]],
  [
    'where tokens are asked for',
    { components: { securitySchemes: { login: withToken('https://two.example/token') } } },
    [expect.stringContaining('where tokens are asked for'), expect.stringContaining('components')],
  ],
])('what is another is said: %s', (_what, is, said) => {
  expect(changes(is)).toEqual(said);
});

it('of a document that nobody has looked at there is only so much to say', () => {
  expect(documentChanges(undefined, of(WAS), 'api')).toEqual(['3 operations']);
});
