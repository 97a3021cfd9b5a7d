/** What can be done with the server at the prompt of `sallyport dev`, by the first word of the line. */
import type { Client, Progress } from '@sallyport/client';
import type { JsonObject } from '@sallyport/wire';
import { piecesOf, printPieces, printText, resourcePiece } from './contents.ts';
import type { CliContext } from './context.ts';
import { note } from './output.ts';
import { oneLine, textOf } from './text.ts';
import { readPairs, readWords, shapeText } from './words.ts';

/** `name` is the second word, `rest` what stands behind it. */
export type DevVerb = (context: CliContext, server: Client, name: string, rest: string) => Promise<void>;

export const DEV_VERBS: ReadonlyMap<string, DevVerb> = new Map([
  ['tools', tools],
  ['call', call],
  ['read', read],
  ['prompt', prompt],
]);

async function tools(context: CliContext, server: Client): Promise<void> {
  const offered = await server.listTools();
  for (const { name, description = '', inputSchema } of offered) {
    printText(context, `${oneLine(name)}  ${oneLine(description)}\n${shapeText(inputSchema)}`);
  }
  if (offered.length === 0) note(context, 'it offers no tools');
}

async function call(context: CliContext, server: Client, name: string, rest: string): Promise<void> {
  const words = await wordsOf(rest);
  const args =
    words.kind === 'object'
      ? words.value
      : readPairs(words.pairs, (await server.listTools()).find((tool) => tool.name === name)?.inputSchema);
  const onProgress = ({ progress, total, message = '' }: Progress): void =>
    note(context, `progress ${progress}${total === undefined ? '' : ` of ${total}`} ${oneLine(message)}`);
  const { content, isError, structuredContent } = await server.callTool(name, args, { onProgress });
  if (isError === true) note(context, 'isError:');
  const [only] = content;
  const isSame = content.length === 1 && only?.text === JSON.stringify(structuredContent);
  if (!isSame) await printPieces(context, piecesOf([...content] as JsonObject[]), undefined);
  if (structuredContent !== undefined) printText(context, JSON.stringify(structuredContent, null, 2));
}

async function read(context: CliContext, server: Client, uri: string): Promise<void> {
  if (uri === '') {
    for (const each of await server.listResources()) printText(context, oneLine(`${each.uri}  ${each.name}`));
    for (const each of await server.listResourceTemplates()) {
      printText(context, oneLine(`${each.uriTemplate}  ${each.name}`));
    }
    return;
  }
  const { contents } = await server.readResource(uri);
  const pieces = contents.map((each) => resourcePiece(each as JsonObject));
  await printPieces(context, pieces, undefined);
}

async function prompt(context: CliContext, server: Client, name: string, rest: string): Promise<void> {
  if (name === '') {
    for (const each of await server.listPrompts()) {
      printText(context, oneLine(`${each.name}  ${each.description ?? ''}`));
    }
    return;
  }
  const words = await wordsOf(rest);
  const given = words.kind === 'object' ? Object.entries(words.value) : words.pairs;
  const args = Object.fromEntries(given.map(([key, value]) => [key, textOf(value)]));
  const { messages } = await server.getPrompt(name, args);
  const pieces = messages.flatMap(({ content }) => piecesOf(content as JsonObject));
  await printPieces(context, pieces, undefined);
}

/** `{…}` as one word, so that spaces in JSON part nothing; no standard input, which is the prompt's. */
function wordsOf(text: string): ReturnType<typeof readWords> {
  const words = /^[[{]/.test(text) ? [text] : text.split(/\s+/).filter((word) => word !== '');
  return readWords(words, noInput());
}

async function* noInput(): AsyncGenerator<string> {
  // Empty.
}
