/**
 * Roles and scopes as an author writes them on tools, resources, prompts and routes. Looked at although they have types: what
 * they close must stay closed when a variable was not set or a member was misspelled.
 */

/** What begins or sounds like a restriction, and is none of those that there are. */
const SOUNDS_LIKE = /^(?:require|visib|roles?$|scopes?$|auth)/i;

/** What is wrong with the restrictions of a definition, `known` among its members; undefined: nothing. */
export function rightsProblem(definition: object, known: readonly string[]): string | undefined {
  for (const [name, value] of Object.entries(definition)) {
    if (!known.includes(name)) {
      if (SOUNDS_LIKE.test(name))
        return `${name} is not known, and would restrict nothing: there are ${known.join(', ')}`;
      continue;
    }
    const problem = name === 'requireRole' || name === 'requireScope' ? listProblem(name, value) : undefined;
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function listProblem(name: string, value: unknown): string | undefined {
  if (value === undefined) return `${name} is undefined, which would restrict nothing: leave it out if that is meant`;
  const all: unknown[] = [value].flat();
  if (all.length === 0) return `${name} names nothing, which would restrict nothing: leave it out if that is meant`;
  const isName = (each: unknown): boolean => typeof each === 'string' && each !== '';
  return all.every(isName)
    ? undefined
    : `${name} is a text that is not empty, or a list of them; else it would restrict nothing`;
}

/** Of a restriction that has no problem. */
export function listed(value: string | readonly string[] | undefined): readonly string[] {
  return typeof value === 'string' ? [value] : (value ?? []);
}
