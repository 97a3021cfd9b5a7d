/** A plan in words, for `list`, the log and the audit trail. Shows no environment and no arguments: they may hold secrets. */
import type { SandboxPlan } from './spec.ts';

export interface SandboxDescription {
  /** One line: the level in force and what enforces it. */
  readonly summary: string;
  /** One sentence each; when there are any the server is not started. */
  readonly missing: readonly string[];
  readonly gaps: readonly string[];
}

/** A container's level that is not its command's own is named first. */
function madeBy({ driver, image, level }: SandboxPlan): readonly string[] {
  if (level === 'container') return [`made by ${driver}`];
  if (driver === undefined || level === 'limited') return [];
  if (driver === 'bubblewrap') return ['bubblewrap', 'seccomp'];
  if (driver === 'seatbelt') return ['Seatbelt'];
  return image === undefined ? [driver] : [`in a container of ${driver} (${image})`, 'seccomp'];
}

export function describeSandbox(plan: SandboxPlan): SandboxDescription {
  const limits = Object.entries(plan.limits).map(([limit, means]) => `${limit} by ${means}`);
  const parts = [
    ...madeBy(plan),
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
