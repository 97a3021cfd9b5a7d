/** What the admin API asks of the gateway. Types alone. */

import type { JsonObject, JsonValue } from '@sallyport/wire';
import type { Caller } from './types.ts';

/** What the gateway tells and does. Where something cannot be done, it throws `AdminError`. */
export interface AdminSource {
  servers(): unknown;
  /** Undefined: there is no such server. */
  server(name: string): unknown;
  /** All that is configured of a server, secrets too: for its edition alone. Undefined: there is no such server. */
  definition(name: string): unknown;
  logs(server: string): unknown;
  restart(server: string): unknown;
  add(name: string, server: JsonValue | undefined, how: ConfigEdit): Promise<unknown>;
  put(name: string, server: JsonValue | undefined, how: ConfigEdit): Promise<unknown>;
  patch(name: string, changes: JsonObject, how: ConfigEdit): Promise<unknown>;
  remove(name: string, how: ConfigEdit): Promise<unknown>;
  tools(): unknown;
  sessions(): unknown;
  session(id: string): unknown;
  endSession(id: string): unknown;
  principals(): Promise<unknown>;
  principal(who: string): Promise<PrincipalView>;
  setDisabled(who: string, isDisabled: boolean): Promise<unknown>;
  keys(): Promise<unknown>;
  /** Undefined: the store has none. */
  key(idOrName: string): Promise<unknown>;
  createKey(wanted: NewKey): Promise<unknown>;
  rotateKey(idOrName: string, graceMs: number): Promise<unknown>;
  revokeKey(idOrName: string): Promise<unknown>;
  pins(): Promise<unknown>;
  pinDiffs(id: string | undefined): Promise<unknown>;
  approvePins(wanted: readonly SeenPin[]): Promise<unknown>;
  audit(query: AuditQuery): Promise<unknown>;
  /** `anchors`: `chains` of an earlier answer. */
  verifyAudit(anchors: JsonValue | undefined): Promise<unknown>;
  config(): unknown;
  /** Of the file as it is now; undefined: there is none. */
  edition(): Promise<string | undefined>;
  patchConfig(changes: JsonObject, how: ConfigEdit): Promise<unknown>;
  history(): Promise<unknown>;
  historyEntry(id: string): Promise<unknown>;
  restoreConfig(id: string, how: ConfigEdit): Promise<unknown>;
  clearCache(): unknown;
  health(): Promise<unknown>;
  system(): unknown;
  reload(confirm: string | undefined): Promise<unknown>;
  login(server: string, how: { readonly state: string | undefined; readonly device: boolean }): unknown;
  logout(server: string): unknown;
  explain(body: JsonObject): unknown;
}

/** Who changes the file, and how. */
export interface ConfigEdit {
  /** The caller may have a command started that he writes. */
  readonly mayCommand: boolean;
  /** The hash of the commands that he was shown and wants. */
  readonly confirm: string | undefined;
  /** Only what would come of it is told. */
  readonly isTrial: boolean;
  /** For the history: who, and what the audit trail calls it. */
  readonly by: Pick<Caller, 'issuer' | 'subject'>;
  readonly action: string;
}

export interface NewKey {
  readonly name: string;
  readonly roles: readonly string[];
  readonly expiresAtMs?: number;
}

export interface PrincipalView {
  /** ISSUER#SUBJECT. */
  readonly principal: string;
  readonly disabled: boolean;
  /** He has one of ours. */
  readonly key: boolean;
  /** How many are open. */
  readonly sessions: number;
}

/** A definition by its canonical id, as it was looked at. */
export interface SeenPin {
  readonly id: string;
  readonly hash: string;
}

export interface AuditQuery {
  /** Times or how long ago, as the command line takes them. */
  readonly since: string | undefined;
  readonly until: string | undefined;
  /** Members of a record, and what they have to be. */
  readonly members: Readonly<Record<string, string>>;
  readonly limit: number;
  readonly cursor: string | undefined;
}
