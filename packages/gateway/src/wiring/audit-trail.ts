/**
 * The audit trail as the gateway and its verbs open it: where it lies in the state, with which keys, and when there is none.
 */

import { hostname } from 'node:os';
import { join } from 'node:path';
import type { KeyObject } from 'node:crypto';
import { NO_AUDIT, openAudit, type Audit, type RecordEvent } from '../audit/index.ts';
import type { TrailKeys } from '../audit/folder.ts';
import type { Config } from '../config/index.ts';
import { deriveKey, sealing } from '../credentials/index.ts';
import type { OutboundFetch } from './outbound.ts';
import { setTimer } from '../steps.ts';
import { withoutAddresses, type People } from '../privacy/index.ts';
import type { Log } from '../telemetry/index.ts';
import { createRedactor, type Redactor } from '../telemetry/redact.ts';
import { traceIdOf } from '../telemetry/trace.ts';

export interface AuditTrailOptions {
  readonly config: Pick<Config, 'audit' | 'privacy' | 'store'>;
  /** Undefined: state is kept nowhere, and there is no trail. */
  readonly stateDirectory: string | undefined;
  readonly master: KeyObject;
  readonly redactor: Redactor | undefined;
  readonly people: People;
  /** For its sinks. */
  readonly fetch: OutboundFetch;
  /** What happens to the trail itself, when it happens. */
  readonly told?: RecordEvent;
  readonly log: Log;
  readonly now: () => number;
  /** What the first record says of this process. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Where the chains of a state are. */
export function auditFolder(stateDirectory: string): string {
  return join(stateDirectory, 'audit');
}

/** What opens and proves the chains of a state. */
export function auditKeys(master: KeyObject): TrailKeys & { readonly seal: (plain: string, bound: string) => string } {
  return { mac: deriveKey(master, 'audit-seal'), ...sealing(deriveKey(master, 'audit')) };
}

/** Rejects with an error for a person when there should be a trail and can be none. */
export async function openAuditTrail(options: AuditTrailOptions): Promise<Audit> {
  const { config, facts, fetch, log, master, now, people, redactor = createRedactor(), stateDirectory, told } = options;
  if (!config.audit.enabled) {
    log('warn', 'there is no audit trail: `audit.enabled` is false');
    return NO_AUDIT;
  }
  if (stateDirectory === undefined || config.store === 'memory') {
    log('info', 'there is no audit trail: with `store: memory` nothing is kept');
    return NO_AUDIT;
  }
  return await openAudit({
    settings: config.audit,
    folder: auditFolder(stateDirectory),
    keys: auditKeys(master),
    redact: withoutAddresses(redactor, config.privacy.addresses),
    people,
    traceIdOf,
    pid: process.pid,
    hostname: hostname(),
    facts,
    fetch,
    ...(told && { told }),
    timeout: (ms) => AbortSignal.timeout(ms),
    setTimer,
    log,
    now,
  });
}
