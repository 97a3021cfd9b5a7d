/**
 * The `WWW-Authenticate` header of answers with 401 and 403 (RFC 6750 §3, RFC 9728 §5.1): where the metadata of the resource
 * is, and which scopes it takes. Everything in it is our own text or checked: nothing of a request gets into it.
 */

export type ChallengeError = 'invalid_token' | 'insufficient_scope';

/** What was asked for, as far as the challenge depends on it. */
export interface Asked {
  /** The path, as it was sent, without its query. */
  readonly path: string;
  /** The Host header, once it is known to be one of ours. */
  readonly host?: string | undefined;
}

export interface ChallengeOptions {
  /** What is protected, for programs; letters. `sallyport` when absent. */
  readonly realm?: string;
  /** Where the metadata of what stands at a path is (RFC 9728). Absent: only keys are known, and there is none. */
  readonly metadataUrl?: (asked: Asked) => string;
  /** OAuth scopes that every token needs. */
  readonly scopes: readonly string[];
}

/** The header's value. `scopes`: all that this request needs, besides those that every request needs. */
export type Challenge = (asked: Asked, error?: ChallengeError, scopes?: readonly string[]) => string;

const DESCRIPTIONS: Readonly<Record<ChallengeError, string>> = {
  invalid_token: 'The access token is not valid here.',
  insufficient_scope: 'The access token lacks a scope.',
};

/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** It asks for a refresh token: that is between the client and its authorization server. */
const OFFLINE = 'offline_access';

/** The scopes that may be told to clients, each once. */
export function publicScopes(scopes: readonly string[]): readonly string[] {
  return [...new Set(scopes)].filter((scope) => scope !== OFFLINE && SCOPE.test(scope));
}

export function createChallenge({ metadataUrl, realm = 'sallyport', scopes }: ChallengeOptions): Challenge {
  return (asked, error, needed = []) => {
    const parts = [`Bearer realm="${realm}"`];
    if (metadataUrl === undefined) return parts.join();
    parts.push(`resource_metadata="${metadataUrl(asked)}"`);
    const all = publicScopes([...scopes, ...needed]);
    if (all.length > 0) parts.push(`scope="${all.join(' ')}"`);
    if (error !== undefined) parts.push(`error="${error}"`, `error_description="${DESCRIPTIONS[error]}"`);
    return parts.join(', ');
  };
}
