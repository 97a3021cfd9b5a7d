/** Whom `explain` is about: the holder of a client key by its name, or of a token by what it would state. */
import type { Principal } from '@sallyport/server';
import type { JsonObject, JsonValue } from '@sallyport/wire';
import { CliError, exitCodes } from './exit.ts';
import { oneLine } from './text.ts';

export interface WhoOptions {
  readonly as?: string;
  readonly role: readonly string[];
  readonly group: readonly string[];
  readonly claim: readonly string[];
  readonly scope: readonly string[];
}

/** Of this machine's own user. */
const LOCAL_KEY = 'local';

/** Issuers whose credentials know no scopes. */
const WITHOUT_SCOPES: ReadonlySet<string> = new Set(['local', 'mtls']);

/** The name of a key, or a principal. */
export function readWho({ as = LOCAL_KEY, claim, group, role, scope }: WhoOptions): string | Principal {
  // A subject may hold the sign, an issuer does not (RFC 8414 §2).
  const at = as.indexOf('#');
  if (at < 1 || at === as.length - 1) {
    if (at !== -1)
      throw new CliError(`--as ${oneLine(as)}: expected the name of a key, or ISSUER#SUBJECT`, exitCodes.usage);
    const stated = [role, group, claim, scope].some((words) => words.length > 0);
    if (!stated) return as;
    throw new CliError(
      '--role, --group, --claim and --scope are what a token states: say whose with --as ISSUER#SUBJECT. The roles of a key are its own',
      exitCodes.usage,
    );
  }
  const issuer = as.slice(0, at);
  return {
    issuer,
    subject: as.slice(at + 1),
    roles: role,
    groups: group,
    claims: readClaims(claim),
    ...(!(WITHOUT_SCOPES.has(issuer) && scope.length === 0) && { scopes: scope }),
  };
}

function readClaims(pairs: readonly string[]): JsonObject {
  const claims = new Map<string, JsonValue>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new CliError(`--claim ${oneLine(pair)}: expected NAME=VALUE`, exitCodes.usage);
    claims.set(pair.slice(0, at), readValue(pair.slice(at + 1)));
  }
  return Object.fromEntries(claims);
}

function readValue(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
