/** Who may know of what: roles, scopes and the author's own word. What is not visible is answered like what does not exist. */

import type { JsonObject } from '@sallyport/wire';
import { askAuthor, ignore } from './author.ts';
import type { Viewer } from './context.ts';
import type { Restriction } from './definitions.ts';
import { listed, rightsProblem } from './rights.ts';

/** `scopes`: it is there, and these are needed besides. */
export type Seen = 'visible' | 'hidden' | { readonly scopes: readonly string[] };

export type See = (viewer: Viewer) => Seen;

/** Undefined where everybody may know of it. Throws a `TypeError` for a restriction that would restrict nothing. */
export function restrictionOf(restriction: Restriction): See | undefined {
  checkRestriction(restriction);
  const roles = listed(restriction.requireRole);
  const scopes = listed(restriction.requireScope);
  const { visible } = restriction;
  if (roles.length === 0 && scopes.length === 0 && visible === undefined) return undefined;
  return (viewer) => {
    const { principal } = viewer;
    if (roles.length > 0 && !roles.some((role) => principal.roles.includes(role))) return 'hidden';
    if (visible !== undefined && !agreed(visible, viewer)) return 'hidden';
    const held = principal.scopes;
    if (held === undefined || scopes.every((scope) => held.includes(scope))) return 'visible';
    // Only there a refusal can say how to get them.
    return viewer.transport === 'http' ? { scopes } : 'hidden';
  };
}

const RESTRICTIONS = ['requireRole', 'requireScope', 'visible'] as const;

/** A variable that was not set must not open what its author wanted closed. */
function checkRestriction(restriction: Restriction): void {
  const problem = rightsProblem(restriction, RESTRICTIONS);
  if (problem !== undefined) throw new TypeError(`${problem}.`);
  if (Object.hasOwn(restriction, 'visible') && typeof restriction.visible !== 'function') {
    throw new TypeError('visible must be a function; else it would restrict nothing: leave it out if that is meant.');
  }
}

/** A promise is no answer: what is not known now is not visible. */
function agreed(visible: (viewer: Viewer) => boolean, viewer: Viewer): boolean {
  return askAuthor(() => visible(viewer), ignore) === true;
}

/** What of a definition is for this server alone, or is shown in another form. */
const NOT_SHOWN: ReadonlySet<string> = new Set([
  'requireRole',
  'requireScope',
  'visible',
  'list',
  'complete',
  'inputSchema',
  'outputSchema',
  'argsSchema',
  'arguments',
]);

/**
 * A definition as lists show it, with `more`: a copy of now. Members that are not known here are shown as they are. Throws a
 * `TypeError` for what no JSON can say.
 */
export function shownOf(definition: object, more: Readonly<Record<string, unknown>> = {}): JsonObject {
  const own = Object.entries(definition).filter(([name, value]) => !NOT_SHOWN.has(name) && value !== undefined);
  const added = Object.entries(more).filter(([, value]) => value !== undefined);
  return JSON.parse(JSON.stringify(Object.fromEntries([...own, ...added]))) as JsonObject;
}
