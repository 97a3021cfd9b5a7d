/**
 * What the audit trail is told, and what it promises to those who tell it. Types alone; how records look on the disk is in
 * record.ts and chain.ts.
 */

import type { Answer, Principal } from '@sallyport/server';
import type { Call } from '../call.ts';

/** People as they stand in records: given by who knows how much may be said of them. */
export interface RecordedPeople {
  principal(who: Pick<Principal, 'issuer' | 'subject'>): string;
  /** Undefined: it may not be written. `who`: whose address it is, where that is known. */
  address(address: string | undefined, who: Pick<Principal, 'issuer' | 'subject'> | undefined): string | undefined;
  /** The name of a key or `ISSUER#SUBJECT`, which somebody typed. */
  typed(name: string): string;
  /** When it resolves, this state can tell whom it gave out. A record is not written before. */
  saved(): Promise<void>;
  /** A line as it leaves this machine. */
  outward(line: string): string;
}

/** The kinds of records, by their names in `audit.events`. */
export const AUDIT_TYPES = [
  'authentication',
  'authorization',
  'configuration_change',
  'server_access',
  'admin_actions',
] as const;

export type AuditType = (typeof AUDIT_TYPES)[number];

/** `error`: it was allowed, and failed. */
export type AuditDecision = 'allow' | 'deny' | 'error';

/** What happened besides calls. */
export interface AuditEvent {
  readonly type: AuditType;
  /** A noun and a verb: `session.open`, `key.create`, `server.start`. */
  readonly action: string;
  readonly decision: AuditDecision;
  readonly principal?: Pick<Principal, 'issuer' | 'subject'> | undefined;
  /** The network address of whoever caused it. */
  readonly address?: string | undefined;
  readonly target?: string | undefined;
  readonly server?: string | undefined;
  readonly rule?: string | undefined;
  readonly reason?: string | undefined;
  readonly correlationId?: string | undefined;
  /** Numbers, hashes and names of our own making; they stand in the record as they are. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** What else there is to say; goes through the redactor whole. Never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Where happenings are told. Never throws, never waits. */
export type RecordEvent = (event: AuditEvent) => void;

export interface Audit {
  readonly record: RecordEvent;
  /** Something that is recorded later, with others of its kind as one: for whoever has to know at once. Absent: nobody has. */
  readonly noticed?: RecordEvent;
  /** Why no call can be taken now: what happens in it could not be recorded. Undefined: it can. */
  blocked(): string | undefined;
  /**
   * A call has its answer. Where the trail is strict: resolves with true when its record is on the disk, and with false
   * when it could not be put there. Undefined: nothing is to be waited for.
   */
  ended(call: Call, answer: Answer, durationMs: number): Promise<boolean> | undefined;
  /** What the operator should know, a sentence each. */
  notes(): readonly string[];
  /** Writes what is left and ends the chain. Idempotent. */
  close(): Promise<void>;
}

/** `audit` of the configuration, as this room needs it. */
export interface AuditSettings {
  readonly enabled: boolean;
  /** A copy of every record goes here too. */
  readonly file?: string;
  readonly retentionMs: number;
  readonly durability: 'batch' | 'strict';
  readonly events: readonly AuditType[];
  /** Arguments and results stand in the records. */
  readonly values: boolean;
  readonly encrypt: boolean;
  readonly sinks: readonly SinkSettings[];
}

export type SinkSettings =
  | { readonly type: 'file'; readonly path: string }
  | {
      readonly type: 'syslog';
      /** `unix:/dev/log`, `udp://host:514`, `tcp://host:601`. */
      readonly address: string;
      /** RFC 5424 §6.2.1; 13 is "log audit". */
      readonly facility: number;
    }
  | {
      readonly type: 'otlp' | 'webhook';
      /** Of the endpoint itself: of OTLP the one that ends in `/v1/logs`. */
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
    };
