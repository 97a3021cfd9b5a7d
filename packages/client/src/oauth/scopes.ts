/**
 * Which scopes are asked for (MCP authorization, "Scope Selection Strategy" and "Step-Up Authorization Flow"): those of the
 * challenge; without any, those that the resource supports; without those, none, and the authorization server decides.
 */

/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]{1,256}$/;
const MAX_SCOPES = 100;
/** Asks for a refresh token (OpenID Connect Core §11). It is between us and the authorization server; a resource has no say. */
export const OFFLINE: string = 'offline_access';

/** The scopes of a `scope` parameter, each once; what is no scope is left out. */
export function readScopes(text: string): readonly string[] {
  return cleaned(text.split(' '));
}

/** The same of a list in a document. */
export function cleaned(scopes: readonly unknown[]): readonly string[] {
  const all = scopes.filter((scope): scope is string => typeof scope === 'string' && SCOPE.test(scope));
  return [...new Set(all)].slice(0, MAX_SCOPES);
}

export interface ScopeSources {
  readonly configured: readonly string[];
  /** What the challenge asks for; undefined: it names none. */
  readonly challenged: readonly string[] | undefined;
  /** `scopes_supported` of the resource. */
  readonly supported: readonly string[] | undefined;
  /** Asked for before at the same authorization server: a step up keeps what was granted. */
  readonly earlier: readonly string[];
  /** `scopes_supported` of the authorization server, where a refresh token is of use. */
  readonly ofServer: readonly string[];
}

/** Empty: the parameter is left out. */
export function selectScopes(sources: ScopeSources): readonly string[] {
  const { challenged, configured, earlier, ofServer, supported = [] } = sources;
  const fromResource = challenged ?? (configured.length > 0 ? [] : supported);
  const wanted = [...configured, ...earlier, ...fromResource.filter((scope) => scope !== OFFLINE)];
  // Alone it would take away whatever the server grants when nothing is asked for.
  const offline = wanted.length > 0 && ofServer.includes(OFFLINE) ? [OFFLINE] : [];
  return cleaned([...wanted, ...offline]);
}
