/**
 * What verbs change at the store is recorded in the audit trail, in a chain of this process. Where it cannot be recorded it is
 * not done.
 */
import type { KeyObject } from 'node:crypto';
import { adminEvent } from '../audit-events.ts';
import { openAuditTrail } from '../audit-trail.ts';
import { defaultAudit } from '../config/schema-audit.ts';
import type { Config } from '../config/types.ts';
import { LOCAL } from '../local.ts';
import type { CliContext } from './context.ts';
import { note } from './output.ts';

/** What is done, to whom, and what else the record says. */
export interface Change {
  readonly action: string;
  readonly target: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Does something and records what came of it. */
export type Audited = <T>(change: Change, act: () => Promise<T>) => Promise<T>;

export function createAudited(
  context: CliContext,
  { config, directory, master }: { config: Config | undefined; directory: string; master: KeyObject },
): Audited {
  return async ({ action, ...more }, act) => {
    const audit = await openAuditTrail({
      config: config ?? { audit: defaultAudit(), store: 'sqlite' },
      stateDirectory: directory,
      master,
      redactor: undefined,
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
