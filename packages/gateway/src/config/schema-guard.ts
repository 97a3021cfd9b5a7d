/** The schema of `guard`: what is done about the content of calls. What each part looks at is in docs/GUARD.md. */
import * as v from 'valibot';
import { flag, oneOf, size } from './scalars.ts';
import { maybe, object, preset } from './schema-parts.ts';
import { pinsSchema } from './schema-pins.ts';
import type { Config } from './types.ts';

const MIB = 1024 * 1024;

/** The pins are a room of their own. */
type GuardEntry = Config['guard'] & { readonly pins?: unknown };

export const guardSchema: v.GenericSchema<unknown, GuardEntry> = preset(
  v.pipe(
    object({
      arguments: preset(
        oneOf('validate', 'off'),
        'validate',
        'Arguments of tools are held against their input schema before their server sees them.',
      ),
      pins: maybe(pinsSchema, 'Definitions of tools as they were first seen.'),
      secrets: preset(
        oneOf('flag', 'off', 'redact', 'block'),
        'flag',
        'Secrets in arguments and results; those of the gateway itself are blocked unless off.',
      ),
      injection: preset(
        oneOf('flag', 'off', 'block'),
        'flag',
        'Hidden instructions in definitions, prompts, instructions and errors of servers.',
      ),
      injectionResults: preset(flag(), false, 'Hidden instructions are looked for in results too.'),
      resultMax: preset(size(), 16 * MIB, 'Bytes of a result that may pass.'),
    }),
    v.transform(({ resultMax, ...rest }): GuardEntry => ({ ...rest, resultMaxBytes: resultMax })),
  ),
  {},
  'Checks of content.',
);

export function guardOf({ pins: _pins, ...guard }: GuardEntry): Config['guard'] {
  return guard;
}
