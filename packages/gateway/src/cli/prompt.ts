/** `sallyport prompt NAME [JSON]`: gets a prompt as any client would, and shows its messages. */
import { errorOf, UpstreamError } from '@sallyport/client';
import { isObject, type JsonObject } from '@sallyport/wire';
import type { Command } from 'commander';
import { unknownName } from './call.ts';
import { asCliError, listAll, withGateway, type Reached } from './connection.ts';
import { piecesOf, printPieces, printText, writeFirstBinary } from './contents.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError } from './exit.ts';
import { invoke } from './invoke.ts';
import { printResult } from './output.ts';
import { oneLine, textOf } from './text.ts';
import { missingArguments, readWords, shapeText } from './words.ts';

const INVALID_PARAMS = -32602;

export function register(program: Command, context: CliContext): void {
  program
    .command('prompt')
    .summary('get a prompt')
    .description(
      'Prints the messages of a prompt. Arguments are one JSON object, - for JSON on stdin, or name=value pairs.',
    )
    .argument('<NAME>', 'the name of the prompt')
    .argument('[ARGUMENTS...]', 'JSON, - or name=value …')
    .option('-o, --output <FILE>', 'write the first image, audio or other binary content to FILE')
    .action(
      async (name: string, words: readonly string[], { output }: { readonly output?: string }, command: Command) => {
        const globals = globalsOf(command, context);
        const read = await readWords(words, context.stdin);
        // Arguments of prompts are text, whatever they look like.
        const given: JsonObject = read.kind === 'object' ? read.value : Object.fromEntries(read.pairs);
        await withGateway(context, globals, async (gateway) => {
          const result = await invoke(context, globals, gateway, 'prompts/get', { name, arguments: given }).catch(
            async (error: unknown) => {
              throw await explained(gateway, error, name, given);
            },
          );
          const messages = (Array.isArray(result['messages']) ? result['messages'] : []).filter(isObject);
          const pieces = messages.flatMap(({ content }) => piecesOf(content));
          if (globals.json) {
            printResult(context, globals, result, '');
            return await writeFirstBinary(context, pieces, output);
          }
          await showMessages(context, messages, output);
        });
      },
    );
}

/** The role stands before each message when there are several. */
async function showMessages(
  context: CliContext,
  messages: readonly JsonObject[],
  output: string | undefined,
): Promise<void> {
  const parts = messages.flatMap(({ role, content }) => {
    const said = piecesOf(content);
    return messages.length > 1 ? [{ kind: 'text' as const, text: `${oneLine(textOf(role))}:` }, ...said] : said;
  });
  if (messages.length === 0) printText(context, '(no messages)');
  await printPieces(context, parts, output);
}

async function explained(gateway: Reached, error: unknown, name: string, given: JsonObject): Promise<unknown> {
  if (!(error instanceof UpstreamError) || errorOf(error)?.code !== INVALID_PARAMS) return error;
  const prompts = await listAll(await gateway.session(), 'prompts/list', 'prompts');
  const prompt = prompts.find((one) => one['name'] === name);
  if (prompt === undefined)
    return unknownName(
      'prompt',
      name,
      prompts.map((one) => textOf(one['name'])),
      'sallyport list --detail',
    );
  const schema = schemaOf(prompt);
  const refused = asCliError(error) as CliError;
  if (missingArguments(given, schema).length === 0) return refused;
  return new CliError(`${refused.message}\n${oneLine(name)} takes:\n${shapeText(schema)}`, refused.exitCode);
}

/** The arguments of a prompt, said as those of a tool. */
function schemaOf(prompt: JsonObject): JsonObject {
  const named = (Array.isArray(prompt['arguments']) ? prompt['arguments'] : []).filter(isObject);
  return {
    properties: Object.fromEntries(
      named.map(({ name, description }) => [textOf(name), { ...(description !== undefined && { description }) }]),
    ),
    required: named.filter(({ required }) => required === true).map(({ name }) => textOf(name)),
  };
}
