/** Prompts: from their definition to an entry of the registry, and `prompts/get` (MCP, "Prompts"). */

import { isObject, type JsonObject } from '@sallyport/wire';
import { errorAnswer, type Answer, type Exchange } from '../exchange.ts';
import { completed, failureAnswer } from './answers.ts';
import type { Call } from './call.ts';
import { promptResult } from './contents.ts';
import type { Context } from './context.ts';
import type { PromptArgument, PromptDefinition, PromptResult } from './definitions.ts';
import type { Log } from '../serving/log.ts';
import type { Entry } from './registry.ts';
import { compile, type CompiledSchema } from './schemas.ts';
import { restrictionOf, shownOf } from './visibility.ts';

/** As it is kept: the types of its arguments are forgotten. */
export type AnyPromptHandler = (args: never, context: Context) => PromptResult | Promise<PromptResult>;

export interface Prompt extends Entry {
  readonly definition: PromptDefinition;
  readonly handler: AnyPromptHandler;
  readonly args: CompiledSchema | undefined;
  readonly arguments: readonly PromptArgument[];
}

/** Throws a `TypeError` for a definition that cannot be served. */
export function createPrompt(definition: PromptDefinition, handler: AnyPromptHandler): Prompt {
  const { name, argsSchema, complete, arguments: listed } = definition;
  if (typeof handler !== 'function') throw new TypeError(`The prompt ${name} needs a function that answers it.`);
  if (argsSchema !== undefined && listed !== undefined) {
    throw new TypeError(`The prompt ${name} has both argsSchema and arguments: one of them is enough.`);
  }
  const args = argsSchema && compile(argsSchema, 'input', `The argsSchema of the prompt ${name}`);
  const all = listed ?? (args === undefined ? [] : argumentsOf(args.json));
  for (const argument of Object.keys(complete ?? {})) {
    if (!all.some((each) => each.name === argument)) {
      throw new TypeError(`There is no argument ${JSON.stringify(argument)} to complete in the prompt ${name}.`);
    }
  }
  return {
    key: name,
    shown: shownOf(definition, { arguments: all.length === 0 ? undefined : all }),
    see: restrictionOf(definition),
    definition,
    handler,
    args,
    arguments: all,
  };
}

function argumentsOf({ properties, required }: JsonObject): PromptArgument[] {
  return Object.entries(isObject(properties) ? properties : {}).map(([name, schema]) => {
    const { description, title } = isObject(schema) ? schema : {};
    return {
      name,
      ...(typeof title === 'string' && { title }),
      ...(typeof description === 'string' && { description }),
      required: Array.isArray(required) && required.includes(name),
    };
  });
}

/** For a name that is none, and for one that the caller may not know of. */
export function unknownPrompt({ era, message }: Exchange): Answer {
  const name = message.params?.['name'];
  const shown = typeof name === 'string' ? name.slice(0, 128) : '';
  return errorAnswer('invalid_params', era, `Unknown prompt: ${shown}`);
}

export interface PromptParts {
  readonly info: JsonObject;
  readonly log: Log;
}

/** Does not reject. */
export async function getPrompt(prompt: Prompt, call: Call, exchange: Exchange, parts: PromptParts): Promise<Answer> {
  const { definition, handler, key: name } = prompt;
  try {
    const given = await checkedArguments(prompt, exchange.message.params?.['arguments'] ?? {});
    if ('problems' in given) {
      return errorAnswer(
        'invalid_params',
        exchange.era,
        `The arguments do not fit the prompt ${name}: ${given.problems}.`,
      );
    }
    const result = await handler(given.value as never, call);
    return completed(promptResult(result, definition.description), exchange, parts.info);
  } catch (error) {
    return failureAnswer({ exchange, noun: 'prompt', name, error, log: parts.log });
  }
}

async function checkedArguments(
  { args: schema, arguments: known }: Prompt,
  args: unknown,
): Promise<{ readonly value: unknown } | { readonly problems: string }> {
  if (!isObject(args)) return { problems: 'they must be an object' };
  const notText = Object.keys(args).find((name) => typeof args[name] !== 'string');
  if (notText !== undefined) return { problems: `${notText.slice(0, 128)}: must be a text` };
  if (schema !== undefined) return await schema.check(args);
  const missing = known.find(({ name, required }) => required === true && !Object.hasOwn(args, name));
  if (missing !== undefined) return { problems: `${missing.name}: is missing` };
  const unknown = Object.keys(args).find((name) => known.every((each) => each.name !== name));
  return unknown === undefined ? { value: args } : { problems: `${unknown.slice(0, 128)}: not known` };
}
