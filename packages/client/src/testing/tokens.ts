/** For tests: a server's wish for a token, and an authorization that has one or has not. Nothing of the package imports it. */

import type { ServerResponse } from 'node:http';
import type { Authorization } from '../upstream.ts';
import type { Received } from './http-servers.ts';
import { Inbox } from './inbox.ts';

type Answer = Awaited<ReturnType<Authorization['challenged']>>;

export interface TestAuthorization extends Authorization {
  /** Sent from now on. */
  current: string | undefined;
  /** What a refusal comes to; it may change `current`. */
  answer: (refusal: Parameters<Authorization['challenged']>[0]) => Answer | Promise<Answer>;
  readonly refusals: Inbox<Parameters<Authorization['challenged']>[0]>;
}

export const LOGIN: Exclude<Answer, 'retry'> = {
  login: {
    url: 'https://as.test/authorize?state=s',
    state: 's',
    expiresAtMs: 1,
    scopes: [],
    issuer: 'https://as.test',
  },
};

export function testAuthorization(more: Partial<TestAuthorization> = {}): TestAuthorization {
  const authorization: TestAuthorization = {
    current: undefined,
    answer: () => LOGIN,
    refusals: new Inbox(),
    token: () => authorization.current,
    challenged: async (refusal) => {
      authorization.refusals.push(refusal);
      return await authorization.answer(refusal);
    },
    ...more,
  };
  return authorization;
}

/** Answers 401 to every request without one of these tokens. */
export function wants(...tokens: readonly string[]): (request: Received, response: ServerResponse) => boolean {
  return ({ headers }, response) => {
    if (tokens.some((token) => headers.authorization === `Bearer ${token}`)) return false;
    response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"', 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: 'invalid_token' }));
    return true;
  };
}
