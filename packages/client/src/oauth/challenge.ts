/** What a resource says in the `WWW-Authenticate` header of a 401 or 403 (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1). */

import { readScopes } from './scopes.ts';

export interface BearerChallenge {
  readonly error?: string;
  /** Undefined: it names none. */
  readonly scopes?: readonly string[];
  readonly resourceMetadata?: string;
}

const MAX_LENGTH = 8192;
/** A parameter, or, where no `=` follows, the name of a scheme. */
const PART = /([\w!#$%&'*+.^`|~-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?/g;

/** The first challenge of the Bearer scheme; of a header that has none, nothing. */
export function readChallenge(header: string | undefined): BearerChallenge {
  const parameters = bearerParameters((header ?? '').slice(0, MAX_LENGTH));
  const error = parameters.get('error');
  const scope = parameters.get('scope');
  const resourceMetadata = parameters.get('resource_metadata');
  return {
    ...(error !== undefined && { error }),
    ...(scope !== undefined && { scopes: readScopes(scope) }),
    ...(resourceMetadata !== undefined && { resourceMetadata }),
  };
}

function bearerParameters(header: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  let scheme = '';
  for (const [, name = '', quoted, plain] of header.matchAll(PART)) {
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    if (value === undefined) {
      if (scheme === 'bearer') break;
      scheme = name.toLowerCase();
    } else if (scheme === 'bearer' && !parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }
  return parameters;
}
