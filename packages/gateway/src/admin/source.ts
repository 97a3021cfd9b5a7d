/** What the admin API asks of the gateway. Types alone. */

import type { JsonObject, JsonValue } from '@sallyport/wire';

/** What the gateway tells and does. Where something cannot be done, it throws `AdminError`. */
export interface AdminSource {
  servers(): unknown;
  /** Undefined: there is no such server. */
  server(name: string): unknown;
  logs(server: string): unknown;
  restart(server: string): unknown;
  add(name: string, server: JsonValue | undefined, how: ServerEdit): Promise<unknown>;
  switchServer(name: string, isOn: boolean, how: ServerEdit): Promise<unknown>;
  remove(name: string, how: ServerEdit): Promise<unknown>;
  tools(): unknown;
  sessions(): unknown;
  endSession(id: string): unknown;
  principals(): Promise<unknown>;
  setDisabled(who: string, isDisabled: boolean): Promise<unknown>;
  keys(): Promise<unknown>;
  createKey(wanted: NewKey): Promise<unknown>;
  rotateKey(idOrName: string, graceMs: number): Promise<unknown>;
  revokeKey(idOrName: string): Promise<unknown>;
  config(): unknown;
  health(): unknown;
  system(): unknown;
  reload(confirm: string | undefined): Promise<unknown>;
  login(server: string, how: { readonly state: string | undefined; readonly device: boolean }): unknown;
  logout(server: string): unknown;
  explain(body: JsonObject): unknown;
}

export interface ServerEdit {
  /** The caller may have a command started that he writes. */
  readonly mayCommand: boolean;
  /** The edition of the file that he has seen. */
  readonly ifMatch: string | undefined;
  /** The hash of the command that he was shown and wants. */
  readonly confirm?: string | undefined;
}

export interface NewKey {
  readonly name: string;
  readonly roles: readonly string[];
  readonly expiresAtMs?: number;
}
