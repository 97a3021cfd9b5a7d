/** What the configuration says of the policy, as this room needs it. Types alone. */

/** Who has a role, besides those whose credential states it. One of the three is enough. */
export interface RoleSettings {
  /** Names of client keys. */
  readonly keys: readonly string[];
  readonly groups: readonly string[];
  /** Claim (dotted) → values of which one is enough. Of several claims all must fit. */
  readonly claims: Readonly<Record<string, readonly (string | number | boolean)[]>>;
}

/** What is absent matches everything; what is empty matches nothing. */
export interface RuleSettings {
  readonly effect: 'allow' | 'deny' | 'ask';
  readonly roles?: readonly string[];
  readonly principals?: readonly string[];
  readonly tools?: readonly string[];
  readonly resources?: readonly string[];
  readonly prompts?: readonly string[];
  readonly servers?: readonly string[];
  readonly views?: readonly string[];
  readonly scopes?: readonly string[];
  readonly when?: string;
  readonly reason?: string;
}

export interface ExternalSettings {
  readonly url: string;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface PolicySettings {
  readonly default: 'deny' | 'allow';
  readonly roles: Readonly<Record<string, RoleSettings>>;
  readonly rules: readonly RuleSettings[];
  readonly external?: ExternalSettings;
}

/** One thing that is wrong with a policy: keys from the root of the configuration, and what it is. */
export interface PolicyProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** A policy that cannot be used. Never a part of it: what protects is there as a whole or not at all. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    super(problems.map(({ path, message }) => `${keyText(path)}: ${message}`).join('\n'));
    this.problems = problems;
  }
}

function keyText(path: PolicyProblem['path']): string {
  return path.map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`)).join('');
}
