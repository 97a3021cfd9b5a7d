/** The schema of `tools`: programs that are saved as tools. Their texts are literal (expand.ts); the code is checked by who runs it. */

import type { JsonObject } from '@sallyport/wire';
import * as v from 'valibot';
import { duration, flag, text } from './scalars.ts';
import { map, maybe, object, present, preset } from './schema-parts.ts';
import type { ToolConfig } from './types-tools.ts';

/** As much as `run_code` takes. */
const MAX_CODE = 64 * 1024;
const MAX_TIMEOUT_MS = 300_000;

const toolName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,32}$/, 'expected a name of 1 to 32 of A-Z a-z 0-9 _ -'));

/** Arguments and structured content of a tool are objects (MCP 2025-11-25, `Tool`). */
const objectSchema = v.pipe(
  map(v.string(), v.unknown(), 'a JSON Schema'),
  v.check((value) => value['type'] === 'object', 'expected a JSON Schema with `type: object`'),
  v.transform((value) => value as JsonObject),
);

const annotations = v.pipe(
  object({
    readOnlyHint: maybe(flag(), 'It changes nothing: it is then kept to tools that are known to change nothing.'),
    destructiveHint: maybe(flag(), 'It may destroy something.'),
    idempotentHint: maybe(flag(), 'The same arguments again change nothing more.'),
    openWorldHint: maybe(flag(), 'It reaches what is not known beforehand.'),
  }),
  v.transform((value): NonNullable<ToolConfig['annotations']> => present(value)),
);

const tool = v.pipe(
  object({
    title: maybe(text(), 'For people.'),
    description: text('what the tool is for, so that a model knows'),
    inputSchema: preset(
      objectSchema,
      { type: 'object' },
      'JSON Schema of its arguments, which the program finds in `args`.',
    ),
    outputSchema: maybe(objectSchema, 'JSON Schema of what the program returns, an object.'),
    annotations: maybe(annotations, 'What the tool says of itself.'),
    code: v.pipe(
      text('a program'),
      v.maxLength(MAX_CODE, `expected at most ${MAX_CODE} characters`),
      v.description('JavaScript over the tools, literal; or `${file:PATH}` alone.'),
    ),
    timeout: preset(
      v.pipe(duration(1), v.maxValue(MAX_TIMEOUT_MS, 'expected at most 5m')),
      '30s',
      'How long it may take; waiting for a person does not count.',
    ),
  }),
  v.transform(({ timeout, ...rest }): ToolConfig => ({ ...present(rest), timeoutMs: timeout })),
);

/** Gives `Config['tools']`. */
export const toolsSchema: v.OptionalSchema<
  v.GenericSchema<Readonly<Record<string, unknown>>, Readonly<Record<string, ToolConfig>>>,
  Readonly<Record<string, unknown>>
> = preset(
  map(toolName, tool, 'names of tools, each with an object'),
  {},
  'Programs over the tools that are tools themselves: sallyport__<name>.',
);
