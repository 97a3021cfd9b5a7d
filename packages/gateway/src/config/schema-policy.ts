/**
 * The schema of `policy`: roles and rules. Globs and conditions (`when`) are compiled where they are used; that the servers and
 * views of a rule are there is in check-across.ts.
 */
import * as v from 'valibot';
import { didYouMean } from './problems.ts';
import { duration, oneOf, text } from './scalars.ts';
import { findings, map, maybe, object, present, preset, type Finding } from './schema-parts.ts';
import { headersSchema } from './schema-headers.ts';
import { postUrl, names, someNames } from './schema-values.ts';
import type { PolicyConfig, PolicyRule, RoleConfig } from './types.ts';

/** Roles that need no declaration. */
export const builtInRoles: readonly string[] = ['admin', 'developer', 'viewer'];

const claimText = 'expected a value or a list of values: text, numbers, true or false';
const claimValue = v.union([v.string(), v.number(), v.boolean()], claimText);

const role = v.pipe(
  object({
    keys: preset(names('a list of names of keys'), [], 'Names of client keys.'),
    groups: preset(names('a list of groups'), [], 'Groups, as a token names them.'),
    claims: preset(
      map(
        v.string(),
        v.pipe(
          v.union([claimValue, v.pipe(v.array(claimValue), v.minLength(1, 'expected at least one value'))], claimText),
          v.transform((value) => (Array.isArray(value) ? value : [value])),
        ),
      ),
      {},
      'Claim to the value (or the values) that give this role; dots lead inside.',
    ),
  }),
  v.transform((value): RoleConfig => value),
);

const globs = (of: string): v.GenericSchema<string[], string[]> => someNames(`a list of globs over ${of}`);

const rule = v.pipe(
  object({
    effect: v.pipe(
      oneOf('allow', 'deny', 'ask'),
      v.description('What it means for who and what it speaks of; deny wins.'),
    ),
    roles: maybe(someNames('a list of roles'), 'One of them is enough.'),
    principals: maybe(globs('subjects'), 'Globs over subjects, or `issuer#subject`.'),
    tools: maybe(globs('tools, such as ["files__*"]'), 'Globs over `server__tool`.'),
    resources: maybe(globs('URIs'), 'Globs over URIs.'),
    prompts: maybe(globs('prompts, such as ["files__*"]'), 'Globs over `server__prompt`.'),
    servers: maybe(globs('names of servers'), 'Globs over names of servers.'),
    views: maybe(globs('names of views'), 'Globs over names of views.'),
    scopes: maybe(someNames('a list of scopes'), 'OAuth scopes that a token must have, all of them.'),
    when: maybe(text('a condition'), 'A condition in CEL.'),
    reason: maybe(text(), 'What a caller who is refused may read.'),
  }),
  v.transform((value): PolicyRule => present(value)),
);

const external = v.pipe(
  object({
    url: postUrl('Where the decision is asked for, by POST.'),
    timeout: preset(duration(1), '1s', 'No answer in this time is a refusal.'),
    headers: preset(headersSchema, {}, 'Sent there and to no other origin.'),
  }),
  v.transform(({ url, timeout, headers }) => ({ url, timeoutMs: timeout, headers })),
);

/** `policy`. */
export const policySchema: v.GenericSchema<unknown, PolicyConfig> = v.pipe(
  object({
    default: preset(oneOf('deny', 'allow'), 'deny', 'What no rule speaks of.'),
    roles: preset(map(text('the name of a role'), role), {}, 'Who has which role, besides those whose token says so.'),
    rules: preset(v.array(rule, 'expected a list of rules'), [], 'Rules; deny wins.'),
    external: maybe(external, 'A decision point that is asked last, about what the rules allow.'),
  }),
  findings(({ roles, rules }) => {
    const known = [...Object.keys(roles), ...builtInRoles];
    return rules.flatMap((each, index) =>
      (each.roles ?? []).flatMap((name, place) => undeclared(name, known, index, place)),
    );
  }),
  v.transform((value): PolicyConfig => present(value)),
);

function undeclared(name: string, known: readonly string[], index: number, place: number): Finding[] {
  if (known.includes(name)) return [];
  const hint = didYouMean(name, known) || '; declare it in `policy.roles`';
  return [{ path: ['rules', index, 'roles', place], message: `there is no such role${hint}` }];
}
