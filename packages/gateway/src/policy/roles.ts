/**
 * Which roles a principal has: those that its credential states (of a client key, or in the claim of a token that the
 * configuration names), and those that `policy.roles` gives by name of a key, group or claim.
 */

import type { Principal } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { RoleSettings } from './settings.ts';

/** The issuer of client keys: names of keys mean nothing elsewhere. */
const KEY_ISSUER = 'local';

export type RolesOf = (principal: Principal) => ReadonlySet<string>;

export function createRolesOf(settings: Readonly<Record<string, RoleSettings>>): RolesOf {
  const given = Object.entries(settings);
  return (principal) => {
    const roles = new Set(principal.roles);
    for (const [role, who] of given) if (!roles.has(role) && isGiven(principal, who)) roles.add(role);
    return roles;
  };
}

function isGiven({ issuer, subject, groups = [], claims }: Principal, who: RoleSettings): boolean {
  if (issuer === KEY_ISSUER && who.keys.includes(subject)) return true;
  if (groups.some((group) => who.groups.includes(group))) return true;
  const wanted = Object.entries(who.claims);
  if (claims === undefined || wanted.length === 0) return false;
  return wanted.every(([path, values]) => fits(claimAt(claims, path), values));
}

function fits(claim: JsonValue | undefined, values: readonly (string | number | boolean)[]): boolean {
  const stated: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return stated.some((value) => (values as readonly unknown[]).includes(value));
}

/** A dotted path into claims. Names of claims may hold dots themselves (`https://example.com/roles`). */
function claimAt(claims: JsonObject, path: string): JsonValue | undefined {
  if (Object.hasOwn(claims, path)) return claims[path];
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const head = path.slice(0, dot);
    const inner = Object.hasOwn(claims, head) ? claims[head] : undefined;
    const found = isObject(inner) ? claimAt(inner, path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
