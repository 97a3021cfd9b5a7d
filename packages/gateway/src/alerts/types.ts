/** What alerts are told, what they know of it, and what they tell. Types alone; the payload is described in docs/ALERTS.md. */

import type { Principal } from '@sallyport/server';

/** The kinds of happenings, by their names in `alerts[].on`. */
export type AlertKind =
  | 'failed_authentication'
  | 'pins'
  | 'guard'
  | 'sandbox'
  | 'breaker'
  | 'quota'
  | 'audit_gap'
  | 'lockdown'
  | 'configuration_change'
  | 'admin_actions';

/** What happened, as the audit trail is told it. */
export interface Happened {
  readonly type: string;
  readonly action: string;
  readonly decision: 'allow' | 'deny' | 'error';
  readonly principal?: Pick<Principal, 'issuer' | 'subject'> | undefined;
  readonly address?: string | undefined;
  readonly target?: string | undefined;
  readonly server?: string | undefined;
  readonly reason?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
}

/** One entry of `alerts`. */
export interface AlertRule {
  readonly on: readonly AlertKind[];
  /** Failed authentications of an address within `windowMs`. */
  readonly threshold: number;
  readonly windowMs: number;
  readonly quietMs: number;
}

/** `raised`: it begins. `continued`: there were more while nothing was told. `ended`: it is over. */
export type AlertState = 'raised' | 'continued' | 'ended';
