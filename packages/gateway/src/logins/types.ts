/** The words of this room: for which servers people log in, and whose login it is. Types, and the key under which an owner hangs. */

import type { TlsFiles } from '@sallyport/client';
import type { GrantType } from '@sallyport/client/oauth';
import type { Principal } from '@sallyport/server';

/** A remote server that may ask for a token, as it is configured. */
export interface LoginServer {
  readonly name: string;
  /** `http:` or `https:`. */
  readonly url: string;
  /** For its own origin: its metadata are as its other answers. */
  readonly tls?: TlsFiles;
  readonly oauth: {
    readonly clientId?: string;
    readonly clientSecret?: string;
    readonly privateKey?: string;
    readonly clientMetadataUrl?: string;
    readonly scopes: readonly string[];
    readonly grant: GrantType;
    readonly per: 'principal' | 'gateway';
    readonly allowLoopbackHttp: boolean;
  };
  /** With the grants that exchange the token of a caller, and only then. */
  readonly exchange?: ExchangePlace;
}

/** Where the tokens of callers are exchanged, and who we are there. */
export interface ExchangePlace {
  readonly tokenEndpoint?: string;
  /** Without `tokenEndpoint`: whose metadata name it. */
  readonly issuer?: string;
  readonly client: Pick<LoginServer['oauth'], 'clientId' | 'clientSecret' | 'privateKey'>;
  readonly audience?: string;
  readonly subjectTokenType: string;
}

/** Whose login; undefined: the gateway's own. */
export type Owner = Pick<Principal, 'issuer' | 'subject'> | undefined;

/** What a finished or ended login changes: who refreshes catalogues is told. */
export interface LoginChange {
  readonly server: string;
  readonly owner: Owner;
  readonly is: 'in' | 'out';
  /** There was a login before, perhaps as another account: what is open on its behalf ends. */
  readonly over: boolean;
}

/** A person was led to a login at a server, or came back from it. */
export interface LoginEvent {
  readonly kind: 'begin' | 'complete' | 'refuse';
  readonly server: string;
  /** Undefined: this machine's user, with the verb. */
  readonly who: Owner;
  /** Whose login it is. */
  readonly owner: Owner;
  /** Why it was refused; for the operator. */
  readonly reason?: string;
}

export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  text: string,
  detail?: Readonly<Record<string, unknown>>,
) => void;

/** A grant of the client itself is the gateway's, and one for a caller's token is the caller's, whatever is written. */
export function isPersonal({ exchange, oauth }: LoginServer): boolean {
  return exchange !== undefined || (oauth.per === 'principal' && oauth.grant === 'authorization_code');
}

/** What the keys of all owners at a server begin with. */
export function ownersStart(server: string): string {
  return `[${JSON.stringify(server)},`;
}

export function ownerKey(server: string, owner: Owner): string {
  return JSON.stringify([server, owner?.issuer ?? null, owner?.subject ?? null]);
}
