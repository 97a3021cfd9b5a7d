/** What a login link carries, and where browsers come back to: known to who makes links without loading the pages. */

import type { LoginNeeded } from '@sallyport/client/oauth';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Sealing } from '../round.ts';

/** What login links of this room are for. */
export const LINK_PURPOSE = 'upstream';
export const CALLBACK_PATH = '/oauth/callback';

/** Also the places below it that authorization servers have of their own. */
export function isCallback(path: string): boolean {
  return path === CALLBACK_PATH || OWN_CALLBACK.test(path);
}

const OWN_CALLBACK = /^\/oauth\/callback\/[0-9a-f]{32}$/;

export interface LinkFacts {
  readonly server: string;
  /** The login is the gateway's, not the caller's own. */
  readonly forAll: boolean;
  readonly issuer: string;
  /** Of the page that is opened: an authorization server may lead elsewhere than its name says. */
  readonly host: string;
  readonly scopes: readonly string[];
  /** The login itself, sealed: it is a secret until somebody has agreed. */
  readonly login: string;
}

export function linkPayload(server: string, forAll: boolean, login: LoginNeeded, seal: Sealing['seal']): JsonObject {
  const { issuer, scopes, url } = login;
  const sealed = seal(JSON.stringify(login), LINK_PURPOSE);
  return { server, forAll, issuer, host: new URL(url).host, scopes: [...scopes], login: sealed };
}

/** As {@link linkPayload} wrote it. */
export function linkFacts(payload: JsonValue): LinkFacts {
  if (!isObject(payload)) throw new TypeError('This login link carries nothing.');
  return payload as unknown as LinkFacts;
}

/** Undefined: it was not sealed here. */
export function loginIn({ login }: LinkFacts, unseal: Sealing['unseal']): LoginNeeded | undefined {
  const plain = unseal(login, LINK_PURPOSE);
  return plain === undefined ? undefined : (JSON.parse(plain) as LoginNeeded);
}
