/**
 * Who came to the doors: a record for each that was let in, and for each kind of refusal, one for every address and minute,
 * so that nobody fills the disk by knocking. The first comes at once, then how many more there were.
 */

import { principalKey, type Authenticate, type Authenticated, type Credentials } from '@sallyport/server';
import type { ErrorKey } from '@sallyport/wire';
import type { AuditEvent, RecordEvent } from './types.ts';

export interface CallerRecordsOptions {
  readonly record: RecordEvent;
  /** Told of each that is only gathered, when it happens. */
  readonly noticed?: RecordEvent | undefined;
  /** Gathers what has the same `kind` and address; `write` comes with how many more there were, but for the first. */
  readonly gather: (
    kind: string,
    address: string | undefined,
    write: (more: { readonly count?: number; readonly address: string | undefined }) => void,
  ) => void;
}

export interface CallerRecords {
  /** The same way of authentication, which is recorded. */
  watch(authenticate: Authenticate): Authenticate;
  /** Something that the same principal may cause as often as it likes. */
  repeated(event: AuditEvent, address: string | undefined): void;
  /** A request ended without having become a call. */
  refused(reason: ErrorKey, address: string | undefined): void;
}

/** Refusals that say something of who asks, and not of how. */
const OF_CALLERS: ReadonlySet<ErrorKey> = new Set([
  'unauthenticated',
  'insufficient_scope',
  'cannot_authenticate',
  'rate_limited',
  'forbidden_origin',
]);

export function createCallerRecords({ gather, noticed, record }: CallerRecordsOptions): CallerRecords {
  const known = new WeakMap<object, Authenticated>();
  const tell = (kind: string, event: AuditEvent): void => {
    let isRecorded = false;
    gather(kind, event.address, ({ address, count }) => {
      isRecorded ||= count === undefined;
      record({ ...event, address, ...(count !== undefined && { facts: { count } }) });
    });
    if (!isRecorded) noticed?.(event);
  };
  const came = (found: Authenticated, { address, connection }: Credentials): Authenticated => {
    if ('error' in found || known.get(connection) === found) return found;
    known.set(connection, found);
    tell(`came ${principalKey(found)}`, {
      type: 'authentication',
      action: 'credential.accept',
      decision: 'allow',
      principal: found,
      address,
    });
    return found;
  };
  return {
    watch: (authenticate) => (credentials) => {
      const found = authenticate(credentials);
      return found instanceof Promise
        ? found.then((principal) => came(principal, credentials))
        : came(found, credentials);
    },
    repeated: (event, address) =>
      tell(`${event.action} ${event.target ?? ''} ${event.principal?.subject ?? ''}`, { ...event, address }),
    refused: (reason, address) => {
      const isCaller = OF_CALLERS.has(reason);
      tell(reason, {
        type: isCaller ? 'authentication' : 'authorization',
        action: isCaller ? 'credential.refuse' : 'request.refuse',
        decision: 'deny',
        address,
        reason,
      });
    },
  };
}
