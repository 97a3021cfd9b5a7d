/**
 * What verbs change at the store is recorded in the audit trail, in a chain of this process. Where it cannot be recorded it is
 * not done.
 */
import type { KeyObject } from 'node:crypto';
import { adminEvent } from '../wiring/audit-events.ts';
import { openAuditTrail } from '../wiring/audit-trail.ts';
import { defaultAudit } from '../config/schema-audit.ts';
import { defaultPrivacy } from '../config/schema-privacy.ts';
import type { Config } from '../config/types.ts';
import { throughProxy } from '../wiring/egress-settings.ts';
import { LOCAL } from '../wiring/local.ts';
import { createOutbound } from '../wiring/outbound.ts';
import { createPeople, openPeople } from '../wiring/privacy-state.ts';
import type { Store } from '../store/index.ts';
import { createRedactor } from '../telemetry/redact.ts';
import type { CliContext } from './context.ts';
import { note } from './output.ts';

/** What is done, to whom, and what else the record says. */
export interface Change {
  readonly action: string;
  readonly target: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface AuditedParts {
  /** Undefined: there is none, and the defaults count. */
  readonly config: Config | undefined;
  readonly directory: string;
  readonly master: KeyObject;
  /** Where it is kept who is meant; without it nobody can be named but this machine's user. */
  readonly store?: Store;
}

/** Does something and records what came of it. */
export type Audited = <T>(change: Change, act: () => Promise<T>) => Promise<T>;

export function createAudited(
  context: CliContext,
  { config: written, directory, master, store }: AuditedParts,
): Audited {
  const config = written ?? { audit: defaultAudit(), privacy: defaultPrivacy(), store: 'sqlite' };
  return async ({ action, ...more }, act) => {
    const people = createPeople(config, createRedactor());
    if (store !== undefined) await openPeople(people, { config, master, now: context.now, store });
    const audit = await openAuditTrail({
      config,
      people,
      stateDirectory: directory,
      master,
      redactor: undefined,
      fetch: createOutbound(throughProxy(context.env, written?.egress.proxy)),
      facts: { role: 'command line', version: context.version },
      log: (level, text) => {
        if (level === 'error') note(context, `warning: ${text}`);
      },
      now: context.now,
    });
    try {
      const result = await act();
      audit.record(adminEvent(action, 'allow', LOCAL, more));
      return result;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      audit.record(adminEvent(action, 'deny', LOCAL, { ...more, reason }));
      throw error;
    } finally {
      await audit.close();
    }
  };
}
