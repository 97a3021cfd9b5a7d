/**
 * The policy: who may see and use what. Rules match canonical ids alone, so no renaming, view or endpoint gets around them.
 * They are compiled when the policy is made; a call costs a look-up and the conditions that speak of it. It never asks a
 * server, and what clients and servers say about themselves is no input.
 */

import { createHash } from 'node:crypto';
import type { Principal } from '@sallyport/server';
import type { Audience, Decision } from '../call.ts';
import { RuledAudience } from './audience.ts';
import { ConditionError, type CompileCondition, type Condition } from './condition.ts';
import { PrincipalFacts } from './condition-input.ts';
import { decideByRules } from './decide.ts';
import { explainFacts } from './explain.ts';
import { createExternal, type AskExternal, type ExternalOptions } from './external.ts';
import { createFallbackOf, type FallbackOf } from './fallback.ts';
import type { Explanation, Facts, Policy } from './facts.ts';
import { createRolesOf, type RolesOf } from './roles.ts';
import { compileRule, missingScopes, type Rule } from './rules.ts';
import { PolicyError, type PolicyProblem, type PolicySettings, type RuleSettings } from './settings.ts';

export type { ExternalOptions } from './external.ts';
export type { ExplainedRule, Explanation, Facts, Policy } from './facts.ts';
export { PolicyError, type PolicyProblem, type PolicySettings } from './settings.ts';
export { createAuthorize } from './authorize-step.ts';
export {
  createExplain,
  type AskedKind,
  type Explain,
  type ExplainAnswer,
  type ExplainOptions,
  type ExplainRequest,
  type WholeCatalog,
} from './explain-request.ts';

/**
 * Without settings everything is allowed to whoever is authenticated. Rejects with a PolicyError that has all that is wrong.
 */
export async function createPolicy(settings: PolicySettings | undefined, options: ExternalOptions): Promise<Policy> {
  if (settings === undefined) return OPEN;
  const rules = await compileRules(settings.rules);
  const external = settings.external && createExternal(settings.external, options);
  return new RuledPolicy(settings, rules, external);
}

/** What is wrong with a policy; nothing, when it can be used. */
export async function policyProblems({ rules }: PolicySettings): Promise<readonly PolicyProblem[]> {
  try {
    await compileRules(rules);
    return [];
  } catch (error) {
    if (error instanceof PolicyError) return error.problems;
    throw error;
  }
}

const ALL: Audience = { key: 'all', maySee: () => true, mayUse: () => true, mayKnow: () => true, mayEnter: () => true };
const ALLOWED: Decision = { effect: 'allow', rule: 'default' };

const OPEN: Policy = {
  version: versionOf(undefined),
  audienceOf: () => ALL,
  decide: () => ALLOWED,
  rolesOf: ({ roles }) => new Set(roles),
  explain: ({ principal: { issuer, roles, subject }, target: { canonicalId: id, kind, server } }) => ({
    policyVersion: OPEN.version,
    principal: { issuer, subject, roles },
    target: { kind, server, id },
    visible: true,
    decision: ALLOWED,
    rules: [{ rule: 'default', effect: 'allow', applies: true, decides: true, because: ['there is no policy'] }],
  }),
};

/** What others than the policy's author may not know stays out of it: the headers of an external decision. */
function versionOf(settings: PolicySettings | undefined): string {
  const text = JSON.stringify(settings, (key, value: unknown) => (key === 'headers' ? undefined : value));
  return createHash('sha256')
    .update(text ?? '')
    .digest('hex')
    .slice(0, 12);
}

async function compileRules(all: readonly RuleSettings[]): Promise<readonly Rule[]> {
  const problems: PolicyProblem[] = [];
  const isConditional = all.some(({ when }) => when !== undefined);
  const compile = isConditional ? (await import('./condition-engine.ts')).createCompile() : undefined;
  const rules = all.map((settings, index) => {
    const path = ['policy', 'rules', index];
    if (settings.effect === 'deny' && settings.scopes !== undefined) {
      problems.push({ path: [...path, 'scopes'], message: 'scopes narrow what is allowed; a deny rule takes none' });
    }
    return compileRule(settings, index, conditionOf(settings, compile, [...path, 'when'], problems));
  });
  if (problems.length > 0) throw new PolicyError(problems);
  return rules;
}

function conditionOf(
  { when }: RuleSettings,
  compile: CompileCondition | undefined,
  path: PolicyProblem['path'],
  problems: PolicyProblem[],
): Condition | undefined {
  if (when === undefined) return undefined;
  try {
    return compile?.(when);
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    problems.push({ path, message: error.message });
    return undefined;
  }
}

/** Audiences that are kept. One that was dropped is made again; nobody notices but the clock. */
const MAX_AUDIENCES = 256;
/** Views that one principal is remembered at. */
const MAX_VIEWS = 64;

class RuledPolicy implements Policy {
  readonly version: string;
  readonly #rules: readonly Rule[];
  readonly #external: AskExternal | undefined;
  readonly #externalUrl: string | undefined;
  readonly #rolesOf: RolesOf;
  readonly #fallbackOf: FallbackOf;
  readonly #namesViews: boolean;
  readonly #audiences: Map<string, RuledAudience> = new Map();
  readonly #known: WeakMap<Principal, Map<string | undefined, RuledAudience>> = new WeakMap();
  readonly #principals: WeakMap<Principal, PrincipalFacts> = new WeakMap();

  constructor(settings: PolicySettings, rules: readonly Rule[], external: AskExternal | undefined) {
    this.version = versionOf(settings);
    this.#rules = rules;
    this.#external = external;
    this.#externalUrl = settings.external?.url;
    this.#rolesOf = createRolesOf(settings.roles);
    this.#fallbackOf = createFallbackOf(settings);
    this.#namesViews = settings.rules.some(({ views }) => views !== undefined);
  }

  rolesOf(principal: Principal): ReadonlySet<string> {
    return this.#rolesOf(principal);
  }

  audienceOf(principal: Principal, view?: string): RuledAudience {
    const at = this.#namesViews ? view : undefined;
    let views = this.#known.get(principal);
    if (views === undefined) this.#known.set(principal, (views = new Map()));
    const known = views.get(at);
    if (known !== undefined) return known;
    const audience = this.#audience(principal, at);
    if (views.size >= MAX_VIEWS) views.clear();
    views.set(at, audience);
    return audience;
  }

  decide(facts: Facts): Decision | Promise<Decision> {
    const decision = decideByRules(this.audienceOf(facts.principal, facts.view), facts, () =>
      this.#principalFacts(facts.principal),
    );
    if (this.#external === undefined || decision.effect === 'deny') return decision;
    return this.#external(facts, this.#rolesOf(facts.principal), decision, this.version);
  }

  explain(facts: Facts): Explanation {
    const { principal } = facts;
    return explainFacts(facts, {
      version: this.version,
      rules: this.#rules,
      roles: this.#rolesOf(principal),
      fallback: this.#fallbackOf(this.#rolesOf(principal)),
      audience: this.audienceOf(principal, facts.view),
      principal: this.#principalFacts(principal),
      external: this.#externalUrl,
    });
  }

  #principalFacts(principal: Principal): PrincipalFacts {
    const known = this.#principals.get(principal);
    if (known !== undefined) return known;
    const made = new PrincipalFacts(principal, this.#rolesOf(principal));
    this.#principals.set(principal, made);
    return made;
  }

  #audience(principal: Principal, view: string | undefined): RuledAudience {
    const roles = this.#rolesOf(principal);
    const fallback = this.#fallbackOf(roles);
    const spoken = this.#rules.filter((rule) => rule.hasRole(roles) && rule.names(principal));
    const lacking = spoken
      .map((rule) => ({ rule, scopes: missingScopes(rule, principal) }))
      .filter(({ scopes }) => scopes.length > 0)
      .toSorted((one, other) => one.scopes.length - other.scopes.length);
    const rules = spoken.filter((rule) => !lacking.some((each) => each.rule === rule));
    const key = JSON.stringify([
      this.version,
      fallback.role ?? '',
      rules.map(({ name }) => name),
      lacking.map(({ rule, scopes }) => [rule.name, ...scopes]),
      view ?? '',
    ]);
    const known = this.#audiences.get(key) ?? new RuledAudience({ key, view, rules, lacking, fallback });
    this.#audiences.delete(key);
    this.#audiences.set(key, known);
    if (this.#audiences.size > MAX_AUDIENCES) this.#audiences.delete(this.#audiences.keys().next().value as string);
    return known;
  }
}
