import { describe, expect, it } from 'vitest';
import type { ApiCredential } from '../call.ts';
import { readDocument } from './document.ts';
import { escaped } from './parameters.ts';
import { createCredentials, requirementsOf, schemesOf, type Credentials } from './security.ts';

const securitySchemes = {
  header: { type: 'apiKey', in: 'header', name: 'X-Key' },
  query: { type: 'apiKey', in: 'query', name: 'api key' },
  cookie: { type: 'apiKey', in: 'cookie', name: 'sid' },
  basic: { type: 'http', scheme: 'Basic' },
  bearer: { type: 'http', scheme: 'bearer' },
  own: { type: 'http', scheme: 'Token' },
  machine: { type: 'oauth2', flows: { clientCredentials: { tokenUrl: 'https://login.example/token' } } },
  person: { type: 'oauth2', flows: { implicit: {} } },
  oidc: { type: 'openIdConnect' },
  tls: { type: 'mutualTLS' },
  'bad header': { type: 'apiKey', in: 'header', name: 'a\r\nb' },
};
const document = readDocument(
  Buffer.from(JSON.stringify({ openapi: '3.1.0', security: [{ bearer: [] }], components: { securitySchemes } })),
);
const asked: unknown[] = [];
const credentials = (auth: Record<string, Partial<ApiCredential>>, headers: Record<string, string> = {}): Credentials =>
  createCredentials({
    target: {
      auth: Object.fromEntries(Object.entries(auth).map(([name, each]) => [name, { scopes: [], ...each }])),
      headers,
    },
    schemes: schemesOf(document),
    escaped,
    tokens: (client) => {
      asked.push(client);
      return { token: async () => 'granted', refused: () => undefined };
    },
  });
const needs = (security?: object): ReturnType<typeof requirementsOf> =>
  requirementsOf(security === undefined ? {} : ({ security } as never), document);

describe('credentials', () => {
  it.each([
    ['header', { value: 'k' }, { headers: { 'x-key': 'k' } }],
    ['query', { value: 'k&x=1' }, { query: [['api%20key', 'k%26x%3D1']] }],
    ['cookie', { value: 'k;x' }, { cookies: ['sid=k%3Bx'] }],
    ['basic', { username: 'ü', password: 'p' }, { headers: { authorization: `Basic ${btoa('\u00c3\u00bc:p')}` } }],
    ['bearer', { value: 'k' }, { headers: { authorization: 'Bearer k' } }],
    ['own', { value: 'k' }, { headers: { authorization: 'Token k' } }],
    ['person', { value: 'k' }, { headers: { authorization: 'Bearer k' } }],
    ['oidc', { value: 'k' }, { headers: { authorization: 'Bearer k' } }],
    ['machine', { clientId: 'c', clientSecret: 's' }, { headers: { authorization: 'Bearer granted' } }],
  ])('are put where the scheme says: %s', async (name, credential, expected) => {
    const { refused: _refused, ...along } = await credentials({ [name]: credential }).along(
      needs([{ [name]: ['read'] }]),
    );
    expect(along).toEqual({ headers: {}, query: [], cookies: [], ...expected });
  });

  it('of a client ask for the scopes of the operation, unless others are written, once', async () => {
    asked.length = 0;
    const client = { clientId: 'c', clientSecret: 's' };
    const one = credentials({ machine: client });
    for (const scopes of [['a'], ['a'], ['b']]) await one.along(needs([{ machine: scopes }]));
    await credentials({ machine: { ...client, scopes: ['x'], tokenUrl: 'https://mine.example/t' } }).along(
      needs([{ machine: ['a'] }]),
    );
    const common = { id: 'c', secret: 's' };
    expect(asked).toEqual([
      { ...common, tokenUrl: 'https://login.example/token', isWritten: false, scopes: ['a'] },
      { ...common, tokenUrl: 'https://login.example/token', isWritten: false, scopes: ['b'] },
      { ...common, tokenUrl: 'https://mine.example/t', isWritten: true, scopes: ['x'] },
    ]);
  });

  it('are of the first requirement that can be met, of all of its schemes', async () => {
    const both = credentials({ header: { value: 'h' }, query: { value: 'q' } });
    const security = [{ bearer: [] }, { header: [], query: [] }, { query: [] }];
    expect(await both.along(needs(security))).toMatchObject({ headers: { 'x-key': 'h' }, query: [['api%20key', 'q']] });
    expect(both.problem(needs())).toContain('bearer');
    expect(both.problem(needs([{ basic: [] }, { bearer: [] }]))).toContain('basic or bearer');
    expect([both.problem(needs([])), both.problem(needs([{ bearer: [] }, {}]))]).toEqual([undefined, undefined]);
    expect(await both.along(needs([]))).toEqual({ headers: {}, query: [], cookies: [] });
    // What is sent with every request counts.
    const sent = credentials({}, { Authorization: 'x', 'x-KEY': 'y' });
    expect(
      [needs(), needs([{ header: [] }]), needs([{ query: [] }])].map((each) => sent.problem(each) === undefined),
    ).toEqual([true, true, false]);
  });

  it.each([
    ['nobody', { value: 'k' }, /no such security scheme; it has header, query/],
    ['constructor', { value: 'k' }, /no such security scheme/],
    ['basic', { value: 'k' }, /`username` and `password`/],
    ['bearer', { username: 'u', password: 'p' }, /not HTTP Basic/],
    ['bearer', { clientId: 'c', clientSecret: 's' }, /OAuth 2\.0/],
    ['person', { clientId: 'c', clientSecret: 's' }, /write `tokenUrl`/],
    ['tls', { value: 'k' }, /not known/],
    ['bearer', { value: 'a\r\nb' }, /printable/],
    ['bad header', { value: 'k' }, /no name that a header has/],
  ])('that fit nothing are refused: %s %j', (name, credential, message) => {
    expect(() => credentials({ [name]: credential })).toThrow(message);
  });
});
