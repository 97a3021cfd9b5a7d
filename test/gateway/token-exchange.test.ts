/** Servers that get a token for the token of whoever calls: by a token exchange, and by an identity assertion. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { ProtocolError } from '@modelcontextprotocol/client';
import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { openSdk2, type Opened } from '../support/clients.ts';
import { IDP_CLIENT, openEnterprise, SERVER_CLIENT, type Enterprise } from '../support/token-exchange.ts';
import { WebBrowser } from '../../packages/server/src/browser/testing/web-browser.ts';
import { openCaller, WAYS } from '../security/callers.ts';
import { obtain, openSite } from '../security/web-site.ts';
import { startGateway, temporaryFolder, type Started, type StartOptions } from './gateway.ts';

const KEY = 'canary-key-0123456789abcdefghijklmnopqrstuvwxyz';
const AUDIENCE = 'https://gateway.test/mcp';
const GRANTS = {
  token_exchange: {},
  identity_assertion: SERVER_CLIENT,
} as const;
type Grant = keyof typeof GRANTS;

interface Company extends AsyncDisposable {
  readonly place: Enterprise;
  readonly started: Started;
}

async function openCompany(grant: Grant, oauth: object = {}, options: StartOptions = {}): Promise<Company> {
  const stack = new AsyncDisposableStack();
  const place = stack.use(await openEnterprise());
  const started = stack.use(
    await startGateway(
      {
        mcpServers: { up: { url: place.url, oauth: { grant, allowLoopbackHttp: true, ...GRANTS[grant], ...oauth } } },
        auth: {
          mode: ['oidc', 'key'],
          keys: [{ name: 'robot', key: KEY }],
          oidc: { issuer: place.issuer, ...IDP_CLIENT, audience: AUDIENCE },
        },
      },
      options,
    ),
  );
  return { place, started, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const openWith = (
  { started }: Pick<Company, 'started'>,
  token: string,
  era: 'session' | 'stateless' = 'stateless',
): Promise<Opened<Client>> => openSdk2(started.url, { era, headers: { authorization: `Bearer ${token}` } });

async function whoami({ client }: Opened<Client>): Promise<unknown> {
  const { content } = await client.callTool({ name: 'up__whoami' });
  return (content as { text?: string }[])[0]?.text;
}

async function names({ client }: Opened<Client>): Promise<string[]> {
  return (await client.listTools()).tools.map(({ name }) => name);
}

async function refusal({ client }: Opened<Client>): Promise<ProtocolError> {
  const error: unknown = await client.callTool({ name: 'up__whoami' }).catch((reason: unknown) => reason);
  if (error instanceof ProtocolError) return error;
  throw new Error(`no protocol error: ${String(error)}`);
}

/** Files below a folder that has some, in which one of the texts stands. */
async function filesWith(folder: string, texts: readonly string[]): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = found.filter((each) => each.isFile()).map(({ name, parentPath }) => join(parentPath, name));
  expect(files.length).toBeGreaterThan(0);
  const read = await Promise.all(files.map(async (file) => ({ file, text: await readFile(file, 'latin1') })));
  return read.filter(({ text }) => texts.some((each) => text.includes(each))).map(({ file }) => file);
}

describe.each(Object.keys(GRANTS) as Grant[])('the grant %s', (grant) => {
  it.each(['session', 'stateless'] as const)('gives each caller of the %s era what is its own', async (era) => {
    await using company = await openCompany(grant);
    const { place } = company;
    const [a, b] = [place.token('alice', AUDIENCE), place.token('bob', AUDIENCE)];
    await using alice = await openWith(company, a, era);
    await using bob = await openWith(company, b, era);
    expect(await names(alice)).toEqual(['up__whoami', 'up__papers_of_alice']);
    expect(await names(bob)).toEqual(['up__whoami', 'up__papers_of_bob']);
    expect([await whoami(alice), await whoami(bob)]).toEqual(['alice', 'bob']);
    const type = 'urn:ietf:params:oauth:token-type:access_token';
    expect(place.exchanges.toSorted((one, two) => one.person.localeCompare(two.person))).toEqual([
      { person: 'alice', type },
      { person: 'bob', type },
    ]);
  });

  it.each(WAYS)('serves each caller by the token that it comes with, by %s', async (way) => {
    await using company = await openCompany(grant);
    const { place, started } = company;
    const answers: string[] = [];
    for (const person of ['alice', 'bob', 'alice']) {
      await using caller = await openCaller(way, started, place.token(person, AUDIENCE));
      answers.push(await caller.ask('tools/call', { name: 'up__whoami', arguments: {} }));
    }
    expect(answers.map((text) => /"text":"(\w+)"/.exec(text)?.[1])).toEqual(['alice', 'bob', 'alice']);
    expect(place.exchanges.map(({ person }) => person)).toEqual(['alice', 'bob']);
  });

  it('UPS-13 shows the token of a caller to the token endpoint alone, and keeps it nowhere', async () => {
    await using state = await temporaryFolder();
    await using company = await openCompany(grant, {}, { stateDirectory: state.path });
    const { place, started } = company;
    const token = place.token('alice', AUDIENCE);
    await using alice = await openWith(company, token);
    const answers = [await alice.client.listTools(), await alice.client.callTool({ name: 'up__whoami' })];
    const holds = (text: string): boolean => [token, ...token.split('.').slice(1)].some((part) => text.includes(part));
    const shownAt = place.arrived.filter((one) => holds(JSON.stringify(one)));
    expect(shownAt.map(({ at, path }) => `${at} ${path}`)).toEqual(['idp /token']);
    expect(new URLSearchParams(shownAt[0]!.body).get('subject_token')).toBe(token);
    expect(holds(JSON.stringify([answers, started.log.items]))).toBe(false);
    expect(holds(inspect(started.gateway, { depth: 12, showHidden: true, maxArrayLength: null }))).toBe(false);
    await started.gateway.close();
    expect(await filesWith(state.path, [token, ...token.split('.').slice(1)])).toEqual([]);
  });

  it('tells a caller with a key what is missing, and asks nobody', async () => {
    await using company = await openCompany(grant);
    await using robot = await openWith(company, KEY);
    const { code, data, message } = await refusal(robot);
    expect([code, data]).toEqual([-31005, expect.not.objectContaining({ url: expect.anything() })]);
    expect(message).toContain('this caller has shown none that can be exchanged');
    expect(company.place.exchanges).toEqual([]);
    expect(JSON.stringify(company.place.arrived)).not.toContain(KEY);
    // Nor does it come by what is another's.
    await using alice = await openWith(company, company.place.token('alice', AUDIENCE));
    expect(await whoami(alice)).toBe('alice');
    expect((await refusal(robot)).code).toBe(-31005);
    expect(await names(robot)).toEqual([]);
  });

  it('serves a caller from the first call on that brings a token', async () => {
    await using company = await openCompany(grant);
    company.place.refuses = true;
    await using alice = await openWith(company, company.place.token('alice', AUDIENCE));
    const { code, data, message } = await refusal(alice);
    expect([code, data]).toEqual([-31005, expect.not.objectContaining({ url: expect.anything() })]);
    expect(message).toContain('could not be exchanged');
    company.place.refuses = false;
    expect(await whoami(alice)).toBe('alice');
  });

  it('ends with the token of the caller, and goes on with its next one', async () => {
    const clock = { passed: 0 };
    await using company = await openCompany(grant, {}, { now: () => Date.now() + clock.passed });
    const { place } = company;
    const next = place.token('alice', AUDIENCE, 2 * 3600);
    await using first = await openWith(company, place.token('alice', AUDIENCE, 3600), 'session');
    expect(await whoami(first)).toBe('alice');
    // What was exchanged ends, and so does what it was exchanged for; the latter is let in for a minute more.
    clock.passed = 3600_000 + 30_000;
    const { code, message } = await refusal(first);
    expect([code, place.exchanges.length]).toEqual([-31005, 1]);
    expect(message).toContain('this caller has shown none');
    await using second = await openWith(company, next);
    expect(await whoami(second)).toBe('alice');
    expect(place.exchanges).toHaveLength(2);
    // An older connection does not take the newer token away.
    place.expire();
    clock.passed += 20_000;
    expect(await whoami(first)).toBe('alice');
    expect(new Set(place.served)).toEqual(new Set([undefined, 'alice']));
  });

  it('goes to the endpoint that is written, as the client that is written', async () => {
    await using other = await openEnterprise();
    const exchange = { ...IDP_CLIENT, subjectTokenType: 'jwt', audience: 'urn:up', tokenEndpoint: other.tokenEndpoint };
    await using company = await openCompany(grant, { exchange });
    await using alice = await openWith(company, company.place.token('alice', AUDIENCE));
    expect((await refusal(alice)).code).toBe(-31005);
    const [asked] = other.arrived;
    expect(new Set(other.arrived.map(({ path }) => path))).toEqual(new Set(['/token']));
    const { clientId, clientSecret } = IDP_CLIENT;
    expect(asked?.authorization).toBe(`Basic ${btoa(`${clientId}:${clientSecret}`)}`);
    expect(Object.fromEntries(new URLSearchParams(asked?.body))).toMatchObject({
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      resource: company.place.url,
    });
    expect(company.place.arrived.map(({ at, path }) => `${at} ${path}`)).not.toContain('idp /token');
  });

  it('exchanges the ID token of who has signed in at our own authorization server', async () => {
    await using state = await temporaryFolder();
    await using place = await openEnterprise();
    const exchange = { ...IDP_CLIENT, tokenEndpoint: place.tokenEndpoint };
    const oauth = { grant, allowLoopbackHttp: true, ...GRANTS[grant], exchange };
    const configuration = { mcpServers: { up: { url: place.url, oauth } }, store: 'sqlite' };
    await using site = await openSite('loopback', { configuration, stateDirectory: state.path });
    place.trusts = `${site.people.issuer}/jwks`;
    for (const subject of ['alice', 'bob']) {
      site.people.person = { subject };
      const { access_token: token } = await obtain(site, new WebBrowser());
      await using opened = await openWith(site, token);
      expect([subject, await whoami(opened)]).toEqual([subject, subject]);
      expect(JSON.stringify(place.arrived)).not.toContain(token);
    }
    const type = 'urn:ietf:params:oauth:token-type:id_token';
    expect(place.exchanges).toEqual([
      { person: 'alice', type },
      { person: 'bob', type },
    ]);
    const shown = place.arrived.flatMap(({ body }) => new URLSearchParams(body).get('subject_token') ?? []);
    const signature = (token: string): string => token.split('.')[2] ?? '';
    expect(await filesWith(state.path, shown.map(signature))).toEqual([]);
    expect(shown.filter((token) => JSON.stringify(site.started.log.items).includes(signature(token)))).toEqual([]);
  });
});
