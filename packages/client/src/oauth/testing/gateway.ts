/** For tests: an installation of a gateway, of which any number of processes can be opened, with a clock of its own. */

import {
  createUpstreamAuthorization,
  type UpstreamAuthorization,
  type UpstreamAuthorizationOptions,
} from '../authorization.ts';
import type { LoginNeeded } from '../login.ts';
import { memoryRecords, testSealing, type MemoryRecords } from './memory-records.ts';
import { loopbackRequests } from './requests.ts';

export interface TestGateway {
  readonly records: MemoryRecords;
  readonly failures: unknown[];
  /** Milliseconds that have gone by on its clock. */
  passed: number;
  /** Another process, for one server. */
  open(url: string, more?: Partial<UpstreamAuthorizationOptions>): UpstreamAuthorization;
}

export const REDIRECT_URI: string = 'http://127.0.0.1:9/oauth/callback';

export function testGateway(): TestGateway {
  const startMs = Date.now();
  const now = (): number => startMs + gateway.passed;
  const gateway: TestGateway = {
    records: memoryRecords(now),
    failures: [],
    passed: 0,
    open: (url, more) =>
      createUpstreamAuthorization({
        ...loopbackRequests(),
        owner: { upstream: 'up', principal: { issuer: 'local', subject: 'alice' } },
        url,
        client: {},
        scopes: [],
        grant: 'authorization_code',
        redirectUri: () => REDIRECT_URI,
        records: gateway.records,
        sealing: testSealing,
        onFailure: (error) => gateway.failures.push(error),
        now,
        random: () => 0,
        // Whoever waits for another process lets it run first.
        sleep: () => new Promise((resolve) => setImmediate(resolve)),
        ...more,
      }),
  };
  return gateway;
}

/** Challenged for the first time, or with what is given. Throws when no login is needed. */
export async function loginOf(
  authorization: UpstreamAuthorization,
  wwwAuthenticate: string = 'Bearer',
  sent?: string,
): Promise<LoginNeeded> {
  const status = wwwAuthenticate.includes('insufficient_scope') ? 403 : 401;
  const answer = await authorization.challenged({ status, wwwAuthenticate, sent });
  if (answer === 'retry') throw new Error('It is to be sent again.');
  return answer.login;
}
