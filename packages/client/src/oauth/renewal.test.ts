/** Renewal: when, by whom, and what is lost when something goes wrong. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UpstreamAuthorization } from './authorization.ts';
import { AuthorizationError } from './error.ts';
import { loginOf } from './testing/gateway.ts';
import { SERVER_METADATA, type MockServer } from './testing/mock-server.ts';
import { openScene, type Scene } from './testing/signed-in.ts';

const opened: { scene?: Scene } = {};
const scene = (): Scene => opened.scene!;
const HOUR_MS = 3600_000;

beforeEach(async () => {
  opened.scene = await openScene();
});
afterEach(() => scene().mock.close());

async function signedIn(): Promise<UpstreamAuthorization> {
  const one = scene().open();
  await scene().signIn(one);
  return one;
}

/** Every refresh token that was sent. */
const sent = () =>
  scene()
    .asked('refresh_token')
    .map(({ form }) => form.get('refresh_token'));

/** What the token endpoint says from now on; returns what lets it be as it was. */
function say(answer: Parameters<MockServer['answers']['set']>[1]): () => void {
  const before = scene().mock.answers.get('/token')!;
  scene().mock.answers.set('/token', answer);
  return () => scene().mock.answers.set('/token', before);
}

describe('the time of a renewal', () => {
  it('P1-07 begins five minutes before the end', async () => {
    scene().tokens = { expires_in: 302, refresh_token: 'rt' };
    const one = await signedIn();
    expect(await one.token()).toBe('at1');
    scene().gateway.passed = 1999;
    expect(await one.token()).toBe('at1');
    scene().gateway.passed = 3000;
    expect(await one.token()).toBe('at2');
    expect(await one.token()).toBe('at2');
    expect(sent()).toEqual(['rt1']);
  });

  it('P1-07 comes once in the life of a token that lives shorter than that', async () => {
    scene().tokens = { expires_in: 60, refresh_token: 'rt' };
    const one = await signedIn();
    for (let second = 0; second < 180; second += 1) {
      scene().gateway.passed = second * 1000;
      await one.token();
    }
    expect(sent().length).toBeLessThanOrEqual(3);
    expect(new Set(sent()).size).toBe(sent().length);
  });

  it('P1-03 never lets a token be sent after its end', async () => {
    scene().tokens = { expires_in: 3600 };
    const one = await signedIn();
    expect(await one.grant()).toEqual({
      issuer: scene().mock.origin,
      resource: scene().mock.resource,
      scopes: [],
      expiresAtMs: expect.any(Number) as number,
      renewable: false,
    });
    scene().gateway.passed = HOUR_MS - 1;
    expect(await one.token()).toBe('at1');
    scene().gateway.passed = HOUR_MS;
    expect(await one.token()).toBeUndefined();
    expect(await loginOf(one)).toBeDefined();
  });

  it('is unknown when the server does not say how long a token lives', async () => {
    scene().tokens = { refresh_token: 'rt' };
    const one = await signedIn();
    scene().gateway.passed = 1e12;
    expect(await one.token()).toBe('at1');
    expect(await one.challenged({ status: 401, wwwAuthenticate: 'Bearer', sent: 'at1' })).toBe('retry');
    expect(await one.token()).toBe('at2');
  });

  it('has come when the resource refuses a token, but not one that has just come', async () => {
    const one = await signedIn();
    const login = await loginOf(one, 'Bearer error="invalid_token"', 'at1');
    expect(login).toBeDefined();
    scene().gateway.passed = 30_000;
    expect(await one.challenged({ status: 401, wwwAuthenticate: 'Bearer', sent: 'at1' })).toBe('retry');
    expect(await one.token()).toBe('at2');
    expect(await loginOf(one, 'Bearer', 'at2')).toBeDefined();
    expect(sent()).toEqual(['rt1']);
  });
});

describe('rotation', () => {
  it('P1-06 sends every refresh token once, and keeps the old one when no other comes', async () => {
    const one = await signedIn();
    for (let round = 1; round <= 5; round += 1) {
      scene().gateway.passed = HOUR_MS * round;
      await one.token();
    }
    expect(sent()).toEqual(['rt1', 'rt2', 'rt3', 'rt4', 'rt5']);
    expect(scene().asked('refresh_token')[0]!.form.get('resource')).toBe(scene().mock.resource);
    scene().tokens = { expires_in: 3600 };
    for (let round = 6; round <= 8; round += 1) {
      scene().gateway.passed = HOUR_MS * round;
      await one.token();
    }
    expect(sent().slice(5)).toEqual(['rt6', 'rt6', 'rt6']);
  });

  it('stores the next token before it is used', async () => {
    const one = await signedIn();
    const { records } = scene().gateway;
    const putIf = records.putIf.bind(records);
    const written: string[] = [];
    records.putIf = async (...args) => {
      const text = Buffer.from(args[2] as string, 'base64').toString();
      written.push(/rt\d/.exec(text)?.[0] ?? '');
      return await putIf(...args);
    };
    scene().gateway.passed = HOUR_MS;
    expect(await one.token()).toBe('at2');
    // The mark, before rt1 is sent; then what came.
    expect(written).toEqual(['rt1', 'rt2']);
  });

  it('sends nothing while the store is full, and loses nothing when it fills up meanwhile', async () => {
    const one = await signedIn();
    const { records } = scene().gateway;
    scene().gateway.passed = HOUR_MS - 60_000;
    records.full = new Error('ENOSPC');
    expect(await one.token()).toBe('at1');
    expect(sent()).toEqual([]);
    scene().gateway.passed = HOUR_MS;
    await expect(one.token()).rejects.toThrow('ENOSPC');
    expect(sent()).toEqual([]);
    records.full = undefined;
    const back = say(() => {
      records.full = new Error('ENOSPC');
      return { access_token: 'kept', token_type: 'bearer', refresh_token: 'rt-kept', expires_in: 3600 };
    });
    await expect(one.token()).rejects.toThrow('ENOSPC');
    await expect(one.token()).rejects.toThrow('ENOSPC');
    records.full = undefined;
    expect(await one.token()).toBe('kept');
    expect(await scene().open().token()).toBe('kept');
    back();
    scene().gateway.passed = HOUR_MS * 2;
    await one.token();
    expect(sent()).toEqual(['rt1', 'rt-kept']);
  });

  it('does not send a token again whose answer was lost, until there is nothing to lose', async () => {
    const one = await signedIn();
    scene().gateway.passed = HOUR_MS - 200_000;
    const back = say('cut');
    expect(await one.token()).toBe('at1');
    expect(scene().gateway.failures).toHaveLength(1);
    scene().gateway.passed = HOUR_MS - 1000;
    expect(await one.token()).toBe('at1');
    expect(sent()).toEqual(['rt1']);
    back();
    scene().gateway.passed = HOUR_MS;
    expect(await one.token()).toBe('at2');
    expect(sent()).toEqual(['rt1', 'rt1']);
  });

  it('is tried again before the end when nothing was sent', async () => {
    const one = await signedIn();
    const metadata = scene().mock.answers.get(SERVER_METADATA)!;
    scene().mock.answers.set(SERVER_METADATA, 503);
    scene().gateway.passed = HOUR_MS - 300_000;
    expect(await one.token()).toBe('at1');
    expect(scene().gateway.failures).toMatchObject([{ problem: 'unavailable' }]);
    scene().mock.answers.set(SERVER_METADATA, metadata);
    expect(await one.token()).toBe('at1');
    scene().gateway.passed += 2000;
    expect(await one.token()).toBe('at2');
    expect(sent()).toEqual(['rt1']);
  });

  it('goes on when the process that renewed it died', async () => {
    const dying = await signedIn();
    const asked = Promise.withResolvers<void>();
    const back = say(() => {
      asked.resolve();
      return 'silence';
    });
    scene().gateway.passed = HOUR_MS;
    const lost = dying.token().catch(() => 'lost');
    await asked.promise;
    back();
    const other = scene().open({
      sleep: async () => {
        scene().gateway.passed += 10_000;
      },
    });
    expect(await other.token()).toBe('at2');
    expect(scene().gateway.passed).toBeGreaterThanOrEqual(HOUR_MS + 60_000);
    // What the dead one would still say is of no account.
    scene().mock.answers.clear();
    await scene().mock.close();
    expect(await lost).toBe('at2');
  });

  it('is good for who finds another renewing a token that can still be used', async () => {
    const [one, two] = [await signedIn(), scene().open()];
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    say(async () => {
      asked.resolve();
      await answer.promise;
      return { access_token: 'next', token_type: 'bearer' };
    });
    scene().gateway.passed = HOUR_MS - 1;
    const next = one.token();
    await asked.promise;
    expect(await two.token()).toBe('at1');
    answer.resolve();
    expect(await next).toBe('next');
    expect(await two.token()).toBe('next');
  });

  it('UPS-18 gives back what comes after a logout, and leaves a login that came meanwhile', async () => {
    const one = await signedIn();
    const back = say(async () => {
      back();
      await scene().open().logout();
      return { access_token: 'late', token_type: 'bearer', refresh_token: 'late-rt' };
    });
    scene().gateway.passed = HOUR_MS;
    expect(await one.token()).toBeUndefined();
    const revoked = scene()
      .mock.asked('/revoke')
      .map(({ form }) => form.get('token'));
    expect(revoked).toEqual(['rt1', 'at1', 'late-rt', 'late']);
    await scene().signIn(one);
    const current = await one.token();
    scene().gateway.passed = HOUR_MS * 2 - 60_000;
    const login = await loginOf(one, 'Bearer error="insufficient_scope", scope="x"', current);
    const again = say(async () => {
      again();
      await scene().open().finish(scene().back(login));
      return { access_token: 'late', token_type: 'bearer' };
    });
    scene().gateway.passed = HOUR_MS * 2;
    const token = await one.token();
    expect(token).toMatch(/^at/);
    expect(await scene().open().token()).toBe(token);
    expect(scene().mock.asked('/revoke')).toHaveLength(4);
  });
});

describe('a server that fails', () => {
  it.each<[string, Parameters<typeof say>[0]]>([
    ['500', 500],
    ['429', 429],
    ['no answer', 'cut'],
    ['something else', { hello: 'world' }],
    ['an error that is ours', { status: 400, body: { error: 'invalid_request' } }],
  ])('UPS-10 is not asked too often: %s', async (_what, answer) => {
    const one = await signedIn();
    const back = say(answer);
    for (let ms = 0; ms <= 30_000; ms += 100) {
      scene().gateway.passed = HOUR_MS + ms;
      await expect(one.token()).rejects.toBeInstanceOf(AuthorizationError);
    }
    expect(sent().length).toBeLessThanOrEqual(5);
    expect(sent().length).toBeGreaterThan(2);
    back();
    scene().gateway.passed += 60_000;
    expect(await one.token()).toMatch(/^at/);
  });

  it('UPS-10 that says invalid_grant is not asked again: a login is needed', async () => {
    const one = await signedIn();
    say({ status: 400, body: { error: 'invalid_grant' } });
    scene().gateway.passed = HOUR_MS - 60_000;
    expect(await one.token()).toBe('at1');
    expect(await one.token()).toBe('at1');
    scene().gateway.passed = HOUR_MS;
    expect(await one.token()).toBeUndefined();
    expect(await loginOf(one)).toBeDefined();
    expect(sent()).toEqual(['rt1']);
  });

  it('UPS-10 that says invalid_grant is of no account when another process has renewed it', async () => {
    const one = await signedIn();
    const answer = say(async () => {
      answer();
      // Its mark runs out before it hears the answer.
      scene().gateway.passed += 60_000;
      await scene().open().token();
      return { status: 400, body: { error: 'invalid_grant' } };
    });
    scene().gateway.passed = HOUR_MS;
    expect(await one.token()).toBe('at2');
    expect(await one.token()).toBe('at2');
  });

  it('UPS-10 that does not answer is given up', async () => {
    const stop = new AbortController();
    const one = await signedIn();
    const patient = scene().open({ timeout: () => stop.signal });
    say(() => {
      stop.abort(new Error('too late'));
      return 'silence';
    });
    scene().gateway.passed = HOUR_MS;
    await expect(patient.token()).rejects.toMatchObject({ problem: 'unavailable' });
    await expect(one.token()).rejects.toMatchObject({ problem: 'unavailable' });
    expect(sent()).toHaveLength(1);
  });

  it('that knows the client no more gets another one', async () => {
    const one = await signedIn();
    const back = say({ status: 401, body: { error: 'invalid_client' } });
    scene().gateway.passed = HOUR_MS;
    expect(await one.token()).toBeUndefined();
    back();
    await loginOf(one);
    expect(scene().mock.asked('/register')).toHaveLength(2);
  });
});

describe('a store', () => {
  it('with a record that cannot be opened needs a login, and no more', async () => {
    const one = await signedIn();
    const { records } = scene().gateway;
    for (const [key, record] of records.all) records.all.set(key, { ...record, value: 'broken' });
    await records.delete('nothing');
    expect(await one.token()).toBeUndefined();
    await scene().signIn(one);
    expect(await one.token()).toBe('at2');
  });

  it('is not read again while nothing in it changes', async () => {
    const one = await signedIn();
    await one.token();
    scene().gateway.records.get = () => Promise.reject(new Error('It is read.'));
    expect(await one.token()).toBe('at1');
  });

  it('P1-01 has no token under a key that can be moved', async () => {
    await signedIn();
    const { records } = scene().gateway;
    const grant = [...records.all].find(([key]) => key.startsWith('grant/'))!;
    const bob = { upstream: 'up', principal: { issuer: 'local', subject: 'bob' } };
    const other = scene().open({ owner: bob });
    await scene().signIn(other);
    expect(await other.token()).toBe('at2');
    const theirs = [...records.all.keys()].find((key) => key.startsWith('grant/') && key !== grant[0])!;
    await records.put(theirs, grant[1].value);
    expect(await other.token()).toBeUndefined();
  });
});
