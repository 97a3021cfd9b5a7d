/** What happens in the rooms, as the audit trail is told it. Each function turns one kind of news into its record. */

import { hash } from 'node:crypto';
import { constants } from 'node:os';
import type { Launch } from '@sallyport/client';
import type { Principal, Session } from '@sallyport/server';
import { createCallerRecords, type CallerRecords } from '../audit/callers.ts';
import type { Audit, AuditEvent, RecordEvent } from '../audit/index.ts';
import type { Programs } from '../audit/programs.ts';
import type { ReloadResult } from '../config/reload.ts';
import { LOCAL } from './local.ts';
import type { LoginEvent } from '../logins/index.ts';
import { createRepeatedLines, type RepeatedLines } from '../telemetry/repeated.ts';

/** A configuration was read again; undefined: nothing has changed. */
export function reloadEvent(result: ReloadResult): AuditEvent | undefined {
  const base = { type: 'configuration_change', action: 'config.reload' } as const;
  if (result.status === 'unchanged') return undefined;
  if (result.status === 'invalid') return { ...base, decision: 'deny', reason: result.message };
  const changes = changesOf(result.diff ?? []);
  if (result.status === 'applied') return { ...base, decision: 'allow', ...changes };
  const reason = result.status === 'confirm' ? 'It waits to be confirmed.' : result.message;
  return { ...base, decision: 'deny', reason, ...changes };
}

/** The lines are masked already; their hash names the change. */
function changesOf(diff: readonly string[]): Pick<AuditEvent, 'facts' | 'detail'> {
  if (diff.length === 0) return {};
  return { facts: { diffHash: hash('sha256', diff.join('\n')) }, detail: { changes: diff } };
}

export function sessionEvent(action: 'session.open' | 'session.close', session: Session): AuditEvent {
  const { client, endpoint, principal, revision, transport } = session;
  return {
    type: 'authentication',
    action,
    decision: 'allow',
    principal,
    facts: { transport, revision },
    detail: { endpoint, ...(action === 'session.open' && { client: client.info }) },
  };
}

/** The user of this machine let something be done. */
export function adminEvent(
  action: string,
  decision: AuditEvent['decision'],
  principal: Pick<Principal, 'issuer' | 'subject'>,
  more: Pick<AuditEvent, 'target' | 'reason' | 'detail'> = {},
): AuditEvent {
  return { type: 'admin_actions', action, decision, principal, ...more };
}

export interface RecordedLaunch {
  readonly server: string;
  readonly principal: AuditEvent['principal'];
  /** One line, once it was started: its level and what enforces it. */
  readonly sandbox: () => string | undefined;
  readonly programs: Pick<Programs, 'of'>;
  readonly record: RecordEvent;
}

/**
 * The same launch; it is recorded with the command, its hash and its sandbox. The hash of a large program has a record of its own, when it
 * is known.
 */
export function recordedLaunch(
  launch: Launch,
  { server, principal, programs, record, sandbox }: RecordedLaunch,
): Launch {
  return async (child) => {
    const prepared = await launch(child);
    const { command } = child;
    const { hash: executableHash, later } = await programs.of(command);
    const base = { type: 'server_access', decision: 'allow', server, principal } as const;
    const known = executableHash !== undefined && { executableHash };
    record({ ...base, action: 'server.start', facts: { command, ...known, sandbox: sandbox() } });
    void later?.then((found) => {
      if (found === undefined) return;
      record({ ...base, action: 'server.program', facts: { command, executableHash: found } });
    });
    return prepared;
  };
}

/** A server cannot be had: nobody gets to it. */
export function failedStartEvent(server: string, problem: string | undefined): AuditEvent {
  return { type: 'server_access', action: 'server.start', decision: 'deny', server, reason: problem };
}

/** A server went away unasked. */
export function endedEvent(server: string, error: Error | undefined): AuditEvent {
  const facts = exitFacts(error?.cause);
  return {
    type: 'server_access',
    action: 'server.end',
    decision: 'error',
    server,
    reason: error?.message,
    ...(facts && { facts }),
  };
}

/** How a child ended; what a cage passes on of a signal is its number, as shells do it. */
function exitFacts(cause: unknown): Readonly<Record<string, unknown>> | undefined {
  const { code, signal } = (cause ?? {}) as { readonly code?: unknown; readonly signal?: unknown };
  if (typeof signal === 'string') return { signal };
  if (typeof code !== 'number') return undefined;
  const passedOn = Object.entries(constants.signals).find(([, number]) => code === 128 + number)?.[0];
  return { code, ...(passedOn !== undefined && { signal: passedOn }) };
}

/** A server failed so often that it is left alone for a while, or answers again after that. */
export function outageEvent(server: string, how: 'begins' | 'ends'): AuditEvent {
  const isOver = how === 'ends';
  return {
    type: 'server_access',
    action: isOver ? 'server.recover' : 'server.break',
    decision: isOver ? 'allow' : 'error',
    server,
    reason: isOver ? 'It answers again.' : 'It failed so often in a row that it is left alone for a while.',
  };
}

/** What happened at the sign-in pages or the authorization server. */
export function webEvent(
  who: string,
  { kind, ...detail }: { readonly kind: string; readonly principal?: Principal; readonly address?: string | undefined },
): AuditEvent {
  const { address, principal, ...rest } = detail;
  const isBad = ['refused', 'failed', 'misused', 'denied', 'session_reused'].includes(kind);
  return {
    type: 'authentication',
    action: `${who}.${kind}`,
    decision: isBad ? 'deny' : 'allow',
    principal,
    address,
    detail: rest,
  };
}

/** A login at a server began, was finished or refused. */
export function loginEvent({ kind, owner, reason, server, who }: LoginEvent): AuditEvent {
  return {
    type: 'authentication',
    action: `login.${kind}`,
    decision: kind === 'refuse' ? 'deny' : 'allow',
    principal: who ?? owner ?? LOCAL,
    server,
    reason,
    facts: { for: owner === undefined ? 'gateway' : 'principal' },
  };
}

/** Who came to the doors, with what gathers those that come again and again. */
export function callerRecords(
  { noticed, record }: Pick<Audit, 'noticed' | 'record'>,
  now: () => number,
): CallerRecords & Pick<RepeatedLines, 'sweep' | 'flush'> {
  // As lines of a log that nobody reads: what is written is the record that comes with each.
  const lines = createRepeatedLines((_level, _text, { address, count, write } = {}) => {
    const more = {
      address: typeof address === 'string' ? address : undefined,
      ...(typeof count === 'number' && { count }),
    };
    (write as (given: typeof more) => void)(more);
  }, now);
  const records = createCallerRecords({
    record,
    noticed,
    gather: (kind, address, write) => lines.write('info', kind, { address, write }),
  });
  return { ...records, sweep: () => lines.sweep(), flush: () => lines.flush() };
}
