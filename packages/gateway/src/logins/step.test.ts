/** Which way a client is led to a login, with everything but the step made by hand. */
import { UpstreamError } from '@sallyport/client';
import type { LoginNeeded } from '@sallyport/client/oauth';
import type { Answer, Exchange } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import type { Call, Next } from '../call.ts';
import { Refused } from '../errors.ts';
import { createLoginSteps, type LoginStepOptions } from './step.ts';

const LOGIN: LoginNeeded = {
  url: 'https://as.test/authorize?state=s',
  state: 's',
  expiresAtMs: 1000,
  scopes: ['read'],
  issuer: 'https://as.test',
};
const ANSWER: Answer = { kind: 'value', result: { ok: true } };

const LOGINS: LoginStepOptions['logins'] = {
  callers: { exchanges: () => false, tokenOf: () => undefined },
  mayNeed: () => true,
  ownerFor: (_server, { issuer, subject }) => ({ issuer, subject }),
  wait: async () => 'came',
  begin: async () => 'retry',
  bind: async () => undefined,
};

function callOf(of: Partial<Exchange> = {}): Call {
  const exchange = {
    message: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x' } },
    era: 'session',
    revision: '2025-11-25',
    principal: { issuer: 'local', subject: 'alice', roles: [] },
    cancelled: false,
    onCancel: () => undefined,
    hold: () => undefined,
    ...of,
  } as unknown as Exchange;
  return { exchange, target: { server: 'up', kind: 'tool', canonicalId: 'up__x', original: 'x' } };
}

function stepWith(of: Partial<LoginStepOptions> = {}): ReturnType<typeof createLoginSteps>['login'] {
  return createLoginSteps({
    logins: LOGINS,
    unlisted: () => undefined,
    personal: () => true,
    openBrowser: undefined,
    isOwnUser: () => false,
    mayLogInForAll: () => false,
    canShowUrl: () => false,
    linkFor: async () => 'https://gw.test/login/link',
    announce: () => 'elicitation',
    humanMs: () => 1000,
    log: () => undefined,
    seal: (plain) => plain,
    unseal: (sealed) => sealed,
    ...of,
  }).login;
}

/** Fails so often with a wanted login, then answers. */
function wanting(
  times: number,
  login: LoginNeeded | null = LOGIN,
): { readonly next: Next; readonly seen: Call['instance'][] } {
  const seen: Call['instance'][] = [];
  return {
    seen,
    next: async (call) => {
      seen.push(call.instance);
      // What a step behind left in the call is not there when it is tried again.
      call.instance = { key: 'k', owner: 'o', principal: { issuer: 'local', subject: 'alice' } };
      if (seen.length <= times) throw new UpstreamError('unauthorized', 'no token', { ...(login && { login }) });
      return ANSWER;
    },
  };
}

const refusal = async (of: Promise<Answer>): Promise<Refused> => {
  const error: unknown = await of.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Refused);
  return error as Refused;
};

describe('a call whose server wants a login', () => {
  it('goes through when it wants none, and fails as it failed when that is no matter of a login', async () => {
    expect(await stepWith()(callOf(), async () => ANSWER)).toBe(ANSWER);
    const down = new UpstreamError('down', 'gone');
    await expect(stepWith()(callOf(), () => Promise.reject(down))).rejects.toBe(down);
    const refused = new UpstreamError('unauthorized', 'no metadata');
    await expect(stepWith()(callOf(), () => Promise.reject(refused))).rejects.toBe(refused);
  });

  it('is tried again as the caller’s own when it was the gateway’s connection that was refused', async () => {
    const answers = [false, true];
    const { next, seen } = wanting(1, null);
    expect(await stepWith({ personal: () => answers.shift() ?? true })(callOf(), next)).toBe(ANSWER);
    expect(seen).toEqual([undefined, undefined]);
  });

  it('is led to a page of ours, never to the authorization server', async () => {
    const { data, key, message } = await refusal(stepWith()(callOf(), wanting(1).next));
    expect([key, data]).toEqual(['needs_login', { server: 'up', url: 'https://gw.test/login/link' }]);
    expect(message).toContain('`sallyport login up`');
    expect(JSON.stringify([data, message])).not.toContain('as.test');
  });

  it('is told the verb alone where there is no page, as over stdio without a listener', async () => {
    const none = { ...LOGIN, url: '', state: '' };
    for (const [step, login] of [
      [stepWith({ linkFor: async () => undefined }), LOGIN],
      [stepWith(), none],
    ] as const) {
      const { data, message } = await refusal(step(callOf(), wanting(1, login).next));
      expect([data, message]).toEqual([{ server: 'up' }, expect.stringContaining('`sallyport login up`')]);
    }
  });

  it('opens the browser of this machine’s user for that user alone, and waits', async () => {
    const opened: string[] = [];
    const openBrowser: LoginStepOptions['openBrowser'] = async ({ url }) => opened.push(url) > 0;
    expect((await refusal(stepWith({ openBrowser })(callOf(), wanting(1).next))).key).toBe('needs_login');
    expect(opened).toEqual([]);
    const { next, seen } = wanting(2);
    expect(await stepWith({ openBrowser, isOwnUser: () => true })(callOf(), next)).toBe(ANSWER);
    expect([opened, seen]).toEqual([
      [LOGIN.url, LOGIN.url],
      [undefined, undefined, undefined],
    ]);
  });

  it('does not follow a server that wants one login after the other', async () => {
    const openBrowser = async (): Promise<boolean> => true;
    const { message } = await refusal(stepWith({ openBrowser, isOwnUser: () => true })(callOf(), wanting(99).next));
    expect(message).toContain('one login after the other');
  });

  it('is refused when nobody comes, or the login fails', async () => {
    for (const outcome of ['late', 'failed'] as const) {
      const step = createLoginStepOf(outcome);
      expect((await refusal(step(callOf(), wanting(1).next))).key).toBe('needs_login');
    }
  });

  it('of the gateway itself gives no address to whoever may not make it', async () => {
    const logins = { ...LOGINS, ownerFor: () => undefined };
    const refused = await refusal(stepWith({ logins })(callOf(), wanting(1).next));
    expect([refused.data, refused.message]).toEqual([{ server: 'up' }, expect.stringContaining('whoever runs')]);
    const admin = await refusal(stepWith({ logins, mayLogInForAll: () => true })(callOf(), wanting(1).next));
    expect(admin.data).toMatchObject({ url: 'https://gw.test/login/link' });
  });

  it('answers sessions of 2025-11-25 alone with -32042', async () => {
    const session = {} as never;
    const answer = await stepWith({ canShowUrl: () => true })(callOf({ session }), wanting(1).next);
    expect(answer).toMatchObject({ kind: 'error', error: { code: -32042, data: { elicitations: [{ mode: 'url' }] } } });
    const older = stepWith({ canShowUrl: () => true })(callOf({ session, revision: '2025-06-18' }), wanting(1).next);
    expect((await refusal(older)).key).toBe('needs_login');
  });
});

function createLoginStepOf(outcome: 'late' | 'failed'): ReturnType<typeof stepWith> {
  const openBrowser = async (): Promise<boolean> => true;
  return stepWith({ openBrowser, isOwnUser: () => true, logins: { ...LOGINS, wait: async () => outcome } });
}
