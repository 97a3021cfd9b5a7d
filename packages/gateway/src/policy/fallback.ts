/**
 * What counts where no rule speaks: the built-in roles, then the default. A built-in role has its meaning as long as no rule
 * names it; then it is what the rules make of it. Annotations are the pinned ones: nothing that a server says later changes
 * what it is allowed.
 */

import type { JsonObject } from '@sallyport/wire';
import type { Decision } from '../call.ts';
import type { TargetKind } from './facts.ts';
import type { PolicySettings } from './settings.ts';

/** What annotations say that matters here. A tool that claims to be both is no reader. */
export type Trait = 'plain' | 'reading' | 'destructive';

export function traitOf(annotations: JsonObject | undefined): Trait {
  if (annotations?.['destructiveHint'] === true) return 'destructive';
  return annotations?.['readOnlyHint'] === true ? 'reading' : 'plain';
}

export interface Fallback {
  /** The built-in role that counts: the strongest one. */
  readonly role: BuiltinRole | undefined;
  decide(kind: TargetKind, trait: Trait): Decision;
  /** Whether anything can be allowed by it. */
  readonly grants: boolean;
}

export const BUILTIN_ROLES: readonly ['admin', 'developer', 'viewer'] = ['admin', 'developer', 'viewer'];
export type BuiltinRole = (typeof BUILTIN_ROLES)[number];

const BUILTIN_EFFECTS: Readonly<Record<BuiltinRole, (kind: TargetKind, trait: Trait) => 'allow' | 'ask' | undefined>> =
  {
    admin: () => 'allow',
    developer: (kind, trait) => (kind === 'tool' && trait === 'destructive' ? 'ask' : 'allow'),
    viewer: (kind, trait) => {
      if (kind === 'tool') return trait === 'reading' ? 'allow' : undefined;
      return kind === 'server' ? undefined : 'allow';
    },
  };

export type FallbackOf = (roles: ReadonlySet<string>) => Fallback;

export function createFallbackOf(settings: PolicySettings): FallbackOf {
  const named = new Set(settings.rules.flatMap(({ roles = [] }) => roles));
  const inForce = BUILTIN_ROLES.filter((role) => !named.has(role));
  const byDefault: Decision = { effect: settings.default, rule: 'default' };
  const none: Fallback = { role: undefined, decide: () => byDefault, grants: settings.default === 'allow' };
  const known = new Map(inForce.map((role) => [role, withRole(role, byDefault)]));
  return (roles) => {
    const role = inForce.find((each) => roles.has(each));
    return (role && known.get(role)) ?? none;
  };
}

function withRole(role: BuiltinRole, byDefault: Decision): Fallback {
  const rule = `builtin:${role}`;
  const decisions = { allow: { effect: 'allow', rule }, ask: { effect: 'ask', rule } } as const;
  return {
    role,
    decide: (kind, trait) => {
      const effect = BUILTIN_EFFECTS[role](kind, trait);
      return effect === undefined ? byDefault : decisions[effect];
    },
    grants: true,
  };
}
