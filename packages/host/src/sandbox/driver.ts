/** Which driver enforces a level on this machine. Pure. */
import { imageFor } from './images.ts';
import { BWRAP_LEAST, isAtLeast, isCaged } from './level.ts';
import type { SandboxDriver, SandboxFacts, SandboxLevel, SandboxSpec } from './spec.ts';

/**
 * Undefined: nothing enforces it. Where nothing works, the one whose absence is to be told. An engine comes last, and for a level that is
 * written alone: in a container a server finds another system, and other versions of what runs it.
 */
export function driverOf(level: SandboxLevel, spec: SandboxSpec, facts: SandboxFacts): SandboxDriver | undefined {
  if (level === 'none') return undefined;
  if (facts.platform === 'darwin') return ofMacos(level, spec, facts);
  if (!isCaged(level)) return 'setpriv';
  return isBwrapThere(facts) ? 'bubblewrap' : (engineFor(spec, facts) ?? 'bubblewrap');
}

/** macOS has no namespaces, on which `strict` relies: a container has them. */
function ofMacos(level: SandboxLevel, spec: SandboxSpec, facts: SandboxFacts): SandboxDriver {
  const own = facts.seatbelt === undefined && facts.srt !== undefined ? 'sandbox-runtime' : 'seatbelt';
  if (level === 'limited') return 'seatbelt';
  const isOwn = level === 'standard' && (facts.seatbelt !== undefined || facts.srt !== undefined);
  return isOwn ? own : (engineFor(spec, facts) ?? own);
}

function isBwrapThere({ bwrap, bwrapFailure }: SandboxFacts): boolean {
  return isAtLeast(bwrap, BWRAP_LEAST) && bwrapFailure === undefined;
}

function engineFor({ command, level }: SandboxSpec, { engine }: SandboxFacts): SandboxDriver | undefined {
  return level === undefined || imageFor(command) === undefined ? undefined : engine?.name;
}
