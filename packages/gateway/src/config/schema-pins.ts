/** The schema of `guard.pins`: what is done about tools whose definition is not the one that was pinned. */
import type * as v from 'valibot';
import { oneOf } from './scalars.ts';
import { maybe, object } from './schema-parts.ts';
import type { Config } from './types.ts';

const MODES = ['warn', 'off', 'quarantine'] as const;

export const pinsSchema: v.GenericSchema = object({
  mode: maybe(
    oneOf(...MODES),
    'A tool that is not as it was pinned: warn = it works and is flagged, quarantine = it is kept back until approved, off.',
  ),
});

/** From `guard` after the check. */
export function pinsOf(guard: unknown): Config['pins'] {
  const { pins } = (guard ?? {}) as { readonly pins?: Partial<Config['pins']> };
  return { mode: pins?.mode ?? 'warn' };
}
