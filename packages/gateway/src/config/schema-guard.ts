/** The schema of `guard`: what is done about the content of calls. What each part looks at is in docs/GUARD.md. */
import * as v from 'valibot';
import { duration, flag, oneOf, size } from './scalars.ts';
import { maybe, object, present, preset } from './schema-parts.ts';
import { pinsSchema } from './schema-pins.ts';
import { headersSchema } from './schema-headers.ts';
import { postUrl } from './schema-values.ts';
import type { Config } from './types.ts';

const MIB = 1024 * 1024;

/** The pins are a room of their own. */
type GuardEntry = Config['guard'] & { readonly pins?: unknown };

const external = v.pipe(
  object({
    url: postUrl('Where content is posted to.'),
    timeout: preset(duration(1), '1s', 'No answer in this time is a failure.'),
    headers: preset(headersSchema, {}, 'Sent there and to no other origin.'),
    fail: preset(oneOf('closed', 'open'), 'closed', 'Without an answer: nothing passes, or everything.'),
    on: preset(
      v.pipe(v.array(oneOf('arguments', 'results')), v.minLength(1, 'expected arguments, results or both')),
      ['arguments', 'results'],
      'What is looked at.',
    ),
  }),
  v.transform(({ timeout, ...rest }) => ({ ...rest, timeoutMs: timeout })),
);

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
      external: maybe(external, 'A check by somebody else, over HTTP.'),
    }),
    v.transform(({ resultMax, ...rest }): GuardEntry => present({ ...rest, resultMaxBytes: resultMax })),
  ),
  {},
  'Checks of content.',
);

export function guardOf({ pins: _pins, ...guard }: GuardEntry): Config['guard'] {
  return guard;
}
