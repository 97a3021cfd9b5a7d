/** The `scope` parameter (RFC 6749 §3.3). What a scope allows is not known here. */

const MAX_LENGTH = 1000;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;

/** Undefined: malformed. */
export function parseScope(scope: string): readonly string[] | undefined {
  return scope.length <= MAX_LENGTH && SCOPE.test(scope) ? [...new Set(scope.split(' '))] : undefined;
}

/**
 * Those of the scopes asked for that there are. The others are passed over, as clients ask for what other servers know
 * (§3.3 allows it, and the answer says what was granted). Undefined: nothing was asked for that there is.
 */
export function knownScopes(asked: readonly string[], known: readonly string[]): readonly string[] | undefined {
  const scopes = asked.filter((each) => known.includes(each));
  return scopes.length === 0 ? undefined : scopes;
}
