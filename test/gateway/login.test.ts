/** Logins at servers through a whole gateway: every way in which a client is led to one. */
import { ProtocolError } from '@modelcontextprotocol/client';
import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { openSdk2 } from '../support/clients.ts';
import { bearer, BROWSER, logIn, openLink, openPlace } from './login-support.ts';
import { startGateway } from './gateway.ts';

const whoami = async (client: Client): Promise<unknown> => {
  const { content } = await client.callTool({ name: 'up__whoami' });
  return (content as { text?: string }[])[0]?.text;
};

/** The error of a call, as it came. */
async function refusal(client: Client, name = 'up__whoami'): Promise<ProtocolError> {
  const error: unknown = await client.callTool({ name }).catch((reason: unknown) => reason);
  if (error instanceof ProtocolError) return error;
  throw new Error(`no protocol error: ${String(error)}`);
}

const dataOf = ({ data }: ProtocolError): Record<string, unknown> => data as Record<string, unknown>;
const urlOf = (error: ProtocolError): string => dataOf(error)['url'] as string;

const URL_MODE = { elicitation: { form: {}, url: {} } };

describe.each(['session', 'stateless'] as const)('a client of the %s era', (era) => {
  it('gets its answer after a login in the browser of the gateway, and asks once', async () => {
    const oauth = { allowLoopbackHttp: true };
    await using place = await openPlace();
    await using started = await startGateway(
      { mcpServers: { up: { url: place.up.url, oauth } } },
      { env: { SALLYPORT_BROWSER: BROWSER } },
    );
    await using opened = await openSdk2(started.url, { era });
    const { tools } = await opened.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['up__whoami', 'up__papers_of_alice']);
    expect(await whoami(opened.client)).toBe('alice');
    // Its token is good no more, and there is none to renew it with: the call waits for the next login.
    place.up.expire();
    expect(await whoami(opened.client)).toBe('alice');
    expect(place.up.tokenRequests).toEqual(['authorization_code', 'authorization_code']);
  });

  it('is told where to go when it can show no page, and goes on after the login', async () => {
    await using place = await openPlace();
    await using opened = await openSdk2(place.started.url, { era, ...bearer('alice') });
    const error = await refusal(opened.client);
    expect([error.code, error.message]).toEqual([-31005, expect.stringContaining('`sallyport login up`')]);
    const url = urlOf(error);
    expect(url).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${place.started.port}/login/[\\w-]{43}$`));
    const page = await openLink(place, 'alice', url);
    expect(page.text).toMatch(/Log in for up[\s\S]*127\.0\.0\.1[\s\S]*<code>read<\/code>[\s\S]*alice/);
    expect(place.up.tokenRequests).toEqual([]);
    expect((await logIn(place, 'alice', urlOf(await refusal(opened.client)), 'alice')).text).toContain(
      'You are logged in',
    );
    expect(await whoami(opened.client)).toBe('alice');
  });
});

describe('a session of 2025-11-25 that can show a page', () => {
  it('is told to, and told again when the login has come', async () => {
    await using place = await openPlace();
    await using opened = await openSdk2(place.started.url, {
      era: 'session',
      ...bearer('alice'),
      capabilities: URL_MODE,
    });
    const error = await refusal(opened.client);
    expect(error.code).toBe(-32042);
    const [elicitation] = dataOf(error)['elicitations'] as { mode: string; url: string; elicitationId: string }[];
    expect(elicitation).toMatchObject({
      mode: 'url',
      message: expect.stringContaining('"up" needs a login') as string,
    });
    await logIn(place, 'alice', elicitation?.url ?? '', 'alice');
    const told = await opened.notices.until(
      ({ method }) => method === 'notifications/elicitation/complete',
      'the end of the elicitation',
    );
    expect(told.params).toEqual({ elicitationId: elicitation?.elicitationId });
    expect(await whoami(opened.client)).toBe('alice');
  });
});

describe('a stateless client that can show a page', () => {
  it('is asked to, says yes at once, and gets its answer when the login has come', async () => {
    await using place = await openPlace();
    const shown = Promise.withResolvers<string>();
    await using opened = await openSdk2(place.started.url, {
      era: 'stateless',
      ...bearer('alice'),
      capabilities: URL_MODE,
      handlers: {
        elicitation: (params) => {
          shown.resolve((params as unknown as { url: string }).url);
          return { action: 'accept' };
        },
      },
    });
    const call = whoami(opened.client);
    await logIn(place, 'alice', await shown.promise, 'alice');
    expect(await call).toBe('alice');
  });

  it('says no, and the call is refused', async () => {
    await using place = await openPlace();
    await using opened = await openSdk2(place.started.url, {
      era: 'stateless',
      ...bearer('alice'),
      capabilities: URL_MODE,
      handlers: { elicitation: () => ({ action: 'decline' }) },
    });
    const { code, message } = await refusal(opened.client);
    expect([code, message]).toEqual([-31005, expect.stringContaining('declined')]);
  });
});

describe('one login for all', () => {
  it('is made by an admin alone, and serves everybody', async () => {
    await using place = await openPlace({ oauth: { per: 'gateway' } });
    await using bob = await openSdk2(place.started.url, { era: 'stateless', ...bearer('bob') });
    const refused = await refusal(bob.client);
    expect([refused.code, refused.message, urlOf(refused)]).toEqual([
      -31005,
      'The server "up" needs a login first, by whoever runs this gateway.',
      undefined,
    ]);
    await using ada = await openSdk2(place.started.url, { era: 'stateless', ...bearer('ada') });
    const page = await openLink(place, 'ada', urlOf(await refusal(ada.client)));
    expect(page.text).toContain('Everybody who may use this server');
    await logIn(place, 'ada', urlOf(await refusal(ada.client)), 'team');
    expect(await whoami(bob.client)).toBe('team');
    expect(await whoami(ada.client)).toBe('team');
  });
});

describe('one login for all, where a policy gives roles', () => {
  it('is made by whoever the policy says is an admin', async () => {
    const policy = { default: 'allow', roles: { admin: { keys: ['bob'] } } };
    await using place = await openPlace({ oauth: { per: 'gateway' }, configuration: { policy } });
    await using alice = await openSdk2(place.started.url, { era: 'session', ...bearer('alice') });
    expect(urlOf(await refusal(alice.client))).toBeUndefined();
    await using bob = await openSdk2(place.started.url, { era: 'session', ...bearer('bob') });
    expect(urlOf(await refusal(bob.client))).toContain('/login/');
  });
});

describe('a call that waits', () => {
  it('goes on when the login was finished by another process of the same state', async () => {
    await using place = await openPlace({ env: { SALLYPORT_BROWSER: '["true"]' } });
    await using other = await startGateway(place.configuration, { stateDirectory: place.state });
    const headers = { authorization: `Bearer ${place.started.gateway.localKey}` };
    await using here = await openSdk2(place.started.url, { era: 'stateless', headers });
    await using there = await openSdk2(other.url, { era: 'stateless', headers });
    const call = whoami(here.client);
    await place.started.log.until(({ text }) => text === 'a browser was opened for a login', 'the browser');
    await logIn(place, 'local', urlOf(await refusal(there.client)), 'me');
    expect(await call).toBe('me');
  });
});

describe('what a login changes', () => {
  it('is the list of whoever logged in, of which the client is told', async () => {
    await using place = await openPlace();
    await using opened = await openSdk2(place.started.url, { era: 'session', ...bearer('alice') });
    expect((await opened.client.listTools()).tools).toEqual([]);
    const changed = opened.notices.until(
      ({ method }) => method === 'notifications/tools/list_changed',
      'a change of the list',
    );
    await logIn(place, 'alice', urlOf(await refusal(opened.client)), 'alice');
    await changed;
    expect((await opened.client.listTools()).tools.map(({ name }) => name)).toContain('up__papers_of_alice');
  });

  it('is nothing when the person refuses, and their server says why to nobody', async () => {
    await using place = await openPlace();
    await using opened = await openSdk2(place.started.url, { era: 'session', ...bearer('alice') });
    place.up.refuses = true;
    const page = await logIn(place, 'alice', urlOf(await refusal(opened.client)), 'alice');
    expect([page.status, page.text]).toEqual([403, expect.not.stringContaining('secret words')]);
    expect((await refusal(opened.client)).code).toBe(-31005);
  });
});
