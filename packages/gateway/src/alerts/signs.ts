/**
 * What an alert is about, from what the audit trail is told: its kind, what is the same again, and how it is said. The words
 * are ours: of a happening only numbers, addresses and names of the configuration stand in them.
 */

import { networkOf } from '@sallyport/server';
import type { AlertKind, Happened } from './types.ts';

/** Something that an alert may be about. */
export interface Sign {
  readonly kind: AlertKind;
  /** The same text: the same again. */
  readonly subject: string;
  /** It says that what was told is over. */
  readonly isEnd: boolean;
  /** Whether it lasts until something says that it is over. */
  readonly lasts: boolean;
  readonly event: Happened;
}

type Reader = (event: Happened) => Omit<Sign, 'event'> | undefined;

/** SIGKILL is what the kernel sends when memory runs out, SIGSYS when a call of the system is refused so. */
const KILLED: ReadonlySet<unknown> = new Set(['SIGKILL', 'SIGSYS', 'SIGXCPU']);
const AUDIT_FAULTS: ReadonlySet<string> = new Set(['audit.gap', 'audit.fail', 'audit.drop', 'audit.broken']);

/** Refusals of somebody whose credential is good, or who showed none of their own. */
const OF_OTHERS: ReadonlySet<string> = new Set(['insufficient_scope', 'forbidden_origin']);

/** Undefined: it is about nothing that is told. */
export function signOf(event: Happened): Sign | undefined {
  for (const read of READERS) {
    const found = read(event);
    if (found !== undefined) return { ...found, event };
  }
  return undefined;
}

const once = (kind: AlertKind, subject: string): Omit<Sign, 'event'> => ({
  kind,
  subject,
  isEnd: false,
  lasts: false,
});

const READERS: readonly Reader[] = [
  ({ address, decision, facts, reason = '', type }) => {
    if (type !== 'authentication' || decision !== 'deny' || OF_OTHERS.has(reason)) return undefined;
    // A record of how many more there were: each of them was told when it happened.
    if (facts?.['count'] !== undefined) return undefined;
    return once('failed_authentication', address === undefined ? '' : networkOf(address));
  },
  ({ action, facts, server = '' }) =>
    action === 'server.end' && KILLED.has(facts?.['signal']) ? once('sandbox', server) : undefined,
  ({ action, server = '' }) => (action === 'pins.changed' ? once('pins', server) : undefined),
  ({ action, decision, server = '' }) =>
    action.startsWith('guard.') && decision === 'deny' ? once('guard', `${action} ${server}`) : undefined,
  ({ action, server = '' }) => {
    if (action !== 'server.break' && action !== 'server.recover') return undefined;
    return { ...once('breaker', server), isEnd: action === 'server.recover', lasts: true };
  },
  ({ action, principal }) =>
    action === 'quota.exceeded' ? once('quota', `${principal?.issuer}#${principal?.subject}`) : undefined,
  ({ action, target = '' }) => {
    if (action === 'audit.recover') return { ...once('audit_gap', target), isEnd: true, lasts: true };
    if (!AUDIT_FAULTS.has(action)) return undefined;
    const lasts = action === 'audit.fail' || action === 'audit.drop';
    return { ...once('audit_gap', lasts ? target : `${action} ${target}`), lasts };
  },
  ({ action }) => (action === 'lockdown' ? once('lockdown', '') : undefined),
  ({ action, type }) => (type === 'configuration_change' ? once('configuration_change', action) : undefined),
  ({ action, type }) =>
    type === 'admin_actions' && !action.startsWith('audit.') ? once('admin_actions', action) : undefined,
];

/** What words are made of. */
interface Told {
  readonly event: Happened;
  readonly count: number;
  readonly windowMs: number;
  /** Whose it is, at the beginning of a sentence. */
  readonly of: string;
}

/** What happened, in words that end no sentence. */
export function said({ event, kind }: Sign, news: Pick<Told, 'count' | 'windowMs'>): string {
  const of = event.server === undefined ? 'A server' : `The server ${event.server}`;
  return TEXTS[kind]({ ...news, event, of });
}

const TEXTS: Readonly<Record<AlertKind, (told: Told) => string>> = {
  failed_authentication: ({ count, event: { address }, windowMs }) =>
    `${count} failed authentications ${address === undefined ? 'in all' : `from ${address}`} within ${windowMs / 1000} s`,
  sandbox: ({ event: { facts }, of }) =>
    `${of} was killed (${String(facts?.['signal'])}): its memory may have run out, or its sandbox refused what it did`,
  pins: ({ event: { facts }, of }) =>
    `${of} lists ${typeof facts?.['count'] === 'number' ? facts['count'] : 'some'} tools that are not as they were pinned`,
  guard: ({ event: { action, server } }) =>
    `The guard kept back ${action === 'guard.secrets' ? 'a secret' : 'what looks like hidden instructions'} at ${server ?? 'a server'}`,
  breaker: ({ of }) => `${of} fails again and again and is left alone for a while`,
  quota: () => 'A client has used up its quota',
  audit_gap: ({ event: { action, target } }) =>
    AUDIT_TEXTS[action] ?? `Records of the audit trail do not reach ${target === undefined ? 'the disk' : 'a sink'}`,
  lockdown: () => 'This state was locked down: everything is cut, and this gateway ends',
  configuration_change: ({ event: { decision } }) =>
    decision === 'allow' ? 'The configuration was changed' : 'A change of the configuration was refused',
  admin_actions: ({ event: { action } }) => `An admin action: ${action}`,
};

const AUDIT_TEXTS: Readonly<Record<string, string>> = {
  'audit.gap': 'Calls and events are missing in the audit trail: a record says how many',
  'audit.broken': 'A chain of the audit trail does not end where it should: see `sallyport audit verify`',
  'audit.fail': 'The audit trail cannot be written',
};
