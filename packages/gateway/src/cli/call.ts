/** `sallyport call TOOL [JSON|-]`: calls a tool as any client would, and shows what it gives. */
import { errorOf, UpstreamError } from '@sallyport/client';
import type { JsonObject } from '@sallyport/wire';
import type { Command } from 'commander';
import { nearest } from '../config/problems.ts';
import { asCliError, listAll, withGateway, type Reached } from './connection.ts';
import { piecesOf, printPieces, printText, writeFirstBinary } from './contents.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { invoke } from './invoke.ts';
import { note, printResult } from './output.ts';
import { oneLine, textOf } from './text.ts';
import { missingArguments, readPairs, readWords, shapeText, type Words } from './words.ts';

interface CallOptions {
  readonly output?: string;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('call')
    .summary('call a tool')
    .description(
      'Calls a tool of the running gateway, or starts what it needs for once. Arguments are one JSON object, - for JSON on stdin, or name=value pairs.',
    )
    .argument('<TOOL>', 'the name that `sallyport tools` shows')
    .argument('[ARGUMENTS...]', 'JSON, - or name=value …')
    .option('-o, --output <FILE>', 'write the first image, audio or other binary content to FILE')
    .action(async (tool: string, words: readonly string[], options: CallOptions, command: Command) => {
      const globals = globalsOf(command, context);
      // What is wrong with the words is said before anything is started.
      const read = await readWords(words, context.stdin);
      await withGateway(context, globals, (gateway) =>
        call({ context, globals, gateway, tool, output: options.output }, read),
      );
    });
}

interface Setting {
  readonly context: CliContext;
  readonly globals: GlobalOptions;
  readonly gateway: Reached;
  readonly tool: string;
  readonly output: string | undefined;
}

async function call(setting: Setting, words: Words): Promise<void> {
  const { context, globals, gateway, tool } = setting;
  const given = words.kind === 'object' ? words.value : await fromPairs(setting, words.pairs);
  let result: JsonObject;
  try {
    result = await invoke(context, globals, gateway, 'tools/call', { name: tool, arguments: given });
  } catch (error) {
    throw await explained(setting, error, given);
  }
  await show(setting, result);
  if (result['isError'] !== true) return;
  context.exit(exitCodes.failed);
  const schema = (await definitionOf(setting))?.['inputSchema'];
  if (missingArguments(given, schema).length > 0) note(context, expected(tool, schema));
}

async function show({ context, globals, output }: Setting, result: JsonObject): Promise<void> {
  const pieces = piecesOf(result['content'] ?? []);
  if (globals.json) {
    printResult(context, globals, result, '');
    return await writeFirstBinary(context, pieces, output);
  }
  const { structuredContent } = result;
  if (structuredContent !== undefined && !pieces.some(({ kind }) => kind === 'text')) {
    printText(context, JSON.stringify(structuredContent, null, 2));
  }
  await printPieces(context, pieces, output);
}

async function fromPairs(setting: Setting, pairs: Extract<Words, { kind: 'pairs' }>['pairs']): Promise<JsonObject> {
  const definition = await definitionOf(setting);
  // An unknown tool is refused by the gateway, in its words.
  if (definition === undefined) return Object.fromEntries(pairs);
  const { inputSchema } = definition;
  try {
    return readPairs(pairs, inputSchema);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(`${error.message}\n${expected(setting.tool, inputSchema)}`, error.exitCode);
  }
}

async function definitionOf({ gateway, tool }: Setting): Promise<JsonObject | undefined> {
  const tools = await definitionsOf(gateway);
  return tools.find(({ name }) => name === tool);
}

/** Those that are listed, and where they are found instead of listed, those that this machine's user sees. */
async function definitionsOf(gateway: Reached): Promise<readonly JsonObject[]> {
  const tools = await listAll(await gateway.session(), 'tools/list', 'tools');
  const { discovery } = await gateway.status();
  if (discovery.shown === 'full') return tools;
  const hidden = (await gateway.tools()).tools.map(({ description, inputSchema, name }): JsonObject => {
    return { name, inputSchema, ...(description !== undefined && { description }) };
  });
  return [...tools, ...hidden];
}

function expected(tool: string, schema: JsonObject['inputSchema']): string {
  return `${oneLine(tool)} takes:\n${shapeText(schema)}`;
}

const INVALID_PARAMS = -32602;

/** For a name that nobody knows the nearest ones, for arguments that were refused what is expected. */
async function explained(setting: Setting, error: unknown, given: JsonObject): Promise<unknown> {
  if (!(error instanceof UpstreamError) || errorOf(error)?.code !== INVALID_PARAMS) return error;
  const tools = await definitionsOf(setting.gateway);
  const definition = tools.find(({ name }) => name === setting.tool);
  if (definition === undefined)
    return unknownName(
      'tool',
      setting.tool,
      tools.map(({ name }) => textOf(name)),
      'sallyport tools',
    );
  const refused = asCliError(error) as CliError;
  if (missingArguments(given, definition['inputSchema']).length === 0) return refused;
  return new CliError(`${refused.message}\n${expected(setting.tool, definition['inputSchema'])}`, refused.exitCode);
}

const MAX_NEAR = 5;

/** Names that are near by their letters, or hold what was written, as a last part or anywhere. */
export function unknownName(what: string, wanted: string, names: readonly string[], see: string): CliError {
  const word = wanted.toLowerCase();
  if (names.includes(wanted)) {
    return new CliError(
      `the policy does not let you use the ${what} \`${oneLine(wanted)}\`: \`sallyport explain ${oneLine(wanted)}\` says why. You are \`local\`: a role in the policy with \`keys: [local]\` is yours`,
      exitCodes.refused,
    );
  }
  const near = [
    nearest(wanted, names),
    ...names.filter((name) => name.toLowerCase().endsWith(`__${word}`)),
    ...names.filter((name) => word !== '' && name.toLowerCase().includes(word)),
    ...names.filter((name) => nearest(wanted, [name.slice(name.indexOf('__') + 2)]) !== undefined),
  ].filter((name) => name !== undefined);
  const shown = [...new Set(near)].slice(0, MAX_NEAR).map((name) => `  ${oneLine(name)}`);
  const hint = shown.length === 0 ? `See \`${see}\`` : `Did you mean\n${shown.join('\n')}`;
  return new CliError(`there is no ${what} \`${oneLine(wanted)}\`. ${hint}`, exitCodes.failed);
}
