/** What logins are given. Types only. */

import type { Records } from '@sallyport/server';
import type { Sealing } from '../round.ts';
import type { Log, LoginEvent, LoginServer, Owner } from './types.ts';

export interface LoginsOptions {
  readonly servers: readonly LoginServer[];
  /** `egress.allow`. */
  readonly allow: readonly string[];
  /** For proxies. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Grants, registrations and logins under way, for this alone. They are sealed. */
  readonly records: Records;
  /** Which servers have asked for a token, for this alone. */
  readonly asked: Records;
  /** Who was led to which login, in which browser, for this alone. */
  readonly browsers: Records;
  /** What processes of one store tell each other, for this alone. */
  readonly news: Records;
  readonly sealing: Sealing;
  /** Of this machine. */
  readonly user: NonNullable<Owner>;
  /** Where browsers come back to; undefined: no listener is open, so that none can. */
  readonly redirectUri: () => string | undefined;
  readonly log: Log;
  /** For the audit. */
  readonly told: (event: LoginEvent) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
