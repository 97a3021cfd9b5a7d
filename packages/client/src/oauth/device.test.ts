/** Device codes: what a person is shown, how often the server is asked, and what comes of it. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '@sallyport/wire';
import type { UpstreamAuthorization } from './authorization.ts';
import type { DeviceLogin } from './device.ts';
import { openScene, type Scene } from './testing/signed-in.ts';
import type { Say } from './testing/mock-server.ts';

const opened: { scene?: Scene } = {};
const scene = (): Scene => opened.scene!;
const REFUSAL = { status: 401, wwwAuthenticate: 'Bearer scope="read"', sent: undefined } as const;
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

beforeEach(async () => {
  opened.scene = await openScene();
  publish();
});
afterEach(() => scene().mock.close());

function publish(code: Say = {}): void {
  const { mock } = scene();
  mock.publish({ server: { device_authorization_endpoint: `${mock.origin}/device` } });
  mock.answers.set('/device', {
    device_code: 'the device code',
    user_code: 'WDJB-MJHT',
    verification_uri: `${mock.origin}/enter`,
    expires_in: 600,
    ...(code as JsonObject),
  });
}

/** Each pause moves the clock of the gateway. */
const pauses: number[] = [];
function open(): UpstreamAuthorization {
  pauses.length = 0;
  return scene().open({
    sleep: (ms) => {
      pauses.push(ms);
      scene().gateway.passed += ms;
      return new Promise((resolve) => setImmediate(resolve));
    },
  });
}

const begin = (one: UpstreamAuthorization, signal: AbortSignal = new AbortController().signal): Promise<DeviceLogin> =>
  one.beginDevice(REFUSAL, signal);

/** The token endpoint says these one after another, and then gives a token. */
function sayFirst(...all: readonly Say[]): void {
  const grant = scene().mock.answers.get('/token') as () => Say;
  const left = [...all];
  scene().mock.answers.set('/token', () => left.shift() ?? grant());
}

const error = (code: string, status = 400): Say => ({ status, body: { error: code } });

describe('a device login', () => {
  it('shows a code, waits until it was entered, and is a grant like any other', async () => {
    publish({ verification_uri_complete: `${scene().mock.origin}/enter?code=WDJB-MJHT` });
    const one = open();
    sayFirst(error('authorization_pending'), error('authorization_pending'));
    const { finished, ...login } = await begin(one);
    expect(login).toMatchObject({
      userCode: 'WDJB-MJHT',
      verificationUri: `${scene().mock.origin}/enter`,
      verificationUriComplete: `${scene().mock.origin}/enter?code=WDJB-MJHT`,
      issuer: scene().mock.origin,
      scopes: ['read'],
    });
    await finished;
    expect(await one.token()).toBe('at1');
    expect(pauses).toEqual([5000, 5000, 5000]);
    expect(Object.fromEntries(scene().mock.asked('/device')[0]!.form)).toEqual({
      client_id: 'dynamic',
      resource: scene().mock.resource,
      scope: 'read',
    });
    const [asked] = scene().asked(DEVICE_CODE);
    expect(Object.fromEntries(asked!.form)).toMatchObject({
      device_code: 'the device code',
      resource: scene().mock.resource,
    });
    scene().gateway.passed += 3600_000;
    expect(await one.token()).toBe('at2');
    expect(
      scene()
        .asked('refresh_token')
        .map(({ form }) => form.get('refresh_token')),
    ).toEqual(['rt1']);
    expect(await one.logout()).toBe('revoked');
  });

  it('registers a client that no browser comes back to', async () => {
    const { finished } = await begin(open());
    await finished;
    expect(JSON.parse(scene().mock.asked('/register')[0]!.body)).toMatchObject({
      redirect_uris: [],
      response_types: [],
      grant_types: [DEVICE_CODE, 'refresh_token'],
      application_type: 'native',
    });
  });

  it('UPS-10 asks more slowly when it is told to, or gets no answer', async () => {
    publish({ interval: 1 });
    sayFirst(error('slow_down'), 'cut', error('authorization_pending'), error('slow_down'));
    const { finished } = await begin(open());
    await finished;
    expect(pauses).toEqual([1000, 6000, 11_000, 11_000, 16_000]);
  });

  it.each([
    ['access_denied', 'refused'],
    ['expired_token', 'refused'],
    ['invalid_grant', 'refused'],
  ])('ends when the server says %s', async (code, problem) => {
    const one = open();
    sayFirst(error('authorization_pending'), error(code));
    await expect((await begin(one)).finished).rejects.toMatchObject({ problem });
    expect(await one.token()).toBeUndefined();
    expect(scene().asked(DEVICE_CODE)).toHaveLength(2);
  });

  it('ends with the code, and with whoever waits', async () => {
    publish({ expires_in: 9 });
    scene().mock.answers.set('/token', error('authorization_pending'));
    await expect((await begin(open())).finished).rejects.toThrow(/has expired/);
    expect(scene().asked(DEVICE_CODE)).toHaveLength(1);
    const ending = new AbortController();
    const login = await scene()
      .open({ sleep: () => new Promise(() => undefined) })
      .beginDevice(REFUSAL, ending.signal);
    ending.abort();
    await expect(login.finished).rejects.toThrow(/broken off/);
  });

  it.each([
    ['UPS-03 a page that is none', { verification_uri: 'javascript:alert(1)' }],
    ['P1-11 a page without TLS', { verification_uri: 'http://as.test/enter' }],
    ['a code that moves the cursor', { user_code: 'A\u001b[2J' }],
    ['no code', { user_code: 7 }],
  ])('%s is shown to nobody', async (_what, code) => {
    publish(code);
    await expect(begin(open())).rejects.toMatchObject({ problem: 'unusable' });
  });

  it('UPS-03 leaves out a link that is none, and writes one so that a terminal obeys nothing in it', async () => {
    publish({ verification_uri_complete: 'file:///etc/passwd', verification_uri: `${scene().mock.origin}/\u001b[2J` });
    const login = await begin(open());
    expect(login.verificationUriComplete).toBeUndefined();
    expect(login.verificationUri).toBe(`${scene().mock.origin}/%1B[2J`);
    await login.finished;
  });

  it('P1-11 is not begun over an endpoint without TLS, nor where there is none', async () => {
    scene().mock.publish({ server: { device_authorization_endpoint: 'http://as.test/device' } });
    await expect(begin(open())).rejects.toMatchObject({ problem: 'unusable' });
    scene().mock.publish();
    await expect(begin(open())).rejects.toThrow(/gives no device codes/);
    expect(scene().mock.asked('/register')).toEqual([]);
    const machine = scene().open({ grant: 'client_credentials', client: { clientId: 'us' } });
    await expect(begin(machine)).rejects.toMatchObject({ problem: 'unusable' });
  });

  it('says that a server is down', async () => {
    scene().mock.answers.set('/device', 503);
    await expect(begin(open())).rejects.toMatchObject({ problem: 'unavailable' });
    scene().mock.answers.set('/device', error('unauthorized_client'));
    await expect(begin(open())).rejects.toMatchObject({ problem: 'unusable' });
  });
});
