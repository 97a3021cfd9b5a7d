/** A plan in words, for `list`, the log and the audit trail. Shows no environment and no arguments: they may hold secrets. */
import type { SandboxPlan } from './spec.ts';

export interface SandboxDescription {
  /** One line: the level in force and what enforces it. */
  readonly summary: string;
  /** One sentence each; when there are any the server is not started. */
  readonly missing: readonly string[];
  readonly gaps: readonly string[];
}

export function describeSandbox(plan: SandboxPlan): SandboxDescription {
  const limits = Object.entries(plan.limits).map(([limit, means]) => `${limit} by ${means}`);
  const parts = [
    ...(plan.engine === undefined ? [] : [`made by ${plan.engine}`]),
    ...(plan.filter === undefined ? [] : ['bubblewrap', 'seccomp']),
    ...(plan.network === undefined ? [] : [`network to ${plan.network.join(' ')} alone`]),
    ...(plan.user === undefined ? [] : [`as user ${plan.user.uid}`]),
    ...limits,
    ...(plan.container === undefined ? [] : [`inside a container (${plan.container})`]),
  ];
  return {
    summary: parts.length === 0 ? plan.level : `${plan.level}: ${parts.join(', ')}`,
    missing: plan.missing.map(({ why, remedy }) => `${why} ${remedy}`),
    gaps: plan.gaps,
  };
}
