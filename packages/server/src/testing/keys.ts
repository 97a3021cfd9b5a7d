/** Authentication by client keys for tests, from a table of keys that need not be one. */

import type { Authenticate } from '../auth/authenticate.ts';
import { createAuthenticate } from '../auth/chain.ts';
import { createFailureLimit } from '../auth/failures.ts';
import { createKeyVerify, type KeyVerifyOptions } from '../auth/key-verify.ts';

export function authenticateByKeys(keys: KeyVerifyOptions['keys'], failuresPerMinute = 60): Authenticate {
  const now = (): number => 0;
  return createAuthenticate({
    verify: [createKeyVerify({ keys, issuer: 'local', isTaken: () => false })],
    failures: createFailureLimit(failuresPerMinute, now),
    challenge: () => 'Bearer',
    log: () => undefined,
    now,
  });
}
