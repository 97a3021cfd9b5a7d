/**
 * What tools, resources and prompts give, for people: text as text, links as links, all else as a note of type and size.
 * Untrusted: on a terminal nothing of it can drive the terminal; into a file or pipe it goes as it is.
 */
import { resolve } from 'node:path';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note } from './output.ts';
import { oneLine, plain, sizeText, textOf } from './text.ts';

/** One piece of a result. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly what: string; readonly type: string; readonly base64: string };

/** The pieces of content blocks (`tools/call`, messages of a prompt). Blocks of unknown kinds are shown as JSON. */
export function piecesOf(content: JsonValue | undefined): readonly Piece[] {
  return (Array.isArray(content) ? content : [content]).filter(isObject).map(pieceOf);
}

function pieceOf(block: JsonObject): Piece {
  const { type, text, data, mimeType, resource, uri } = block;
  if (type === 'text' && typeof text === 'string') return { kind: 'text', text };
  if ((type === 'image' || type === 'audio') && typeof data === 'string') {
    return { kind: 'binary', what: type, type: typeText(mimeType), base64: data };
  }
  if (type === 'resource' && isObject(resource)) return resourcePiece(resource);
  return {
    kind: 'text',
    text: type === 'resource_link' && typeof uri === 'string' ? linkText(uri, block) : JSON.stringify(block),
  };
}

function linkText(uri: string, { name, title }: JsonObject): string {
  const said = title ?? name;
  return typeof said === 'string' && said !== '' ? `${uri}  ${oneLine(said)}` : uri;
}

/** The content of a resource (`resources/read`). */
export function resourcePiece(resource: JsonObject): Piece {
  const { text, blob, mimeType, uri } = resource;
  if (typeof text === 'string') return { kind: 'text', text };
  if (typeof blob === 'string')
    return { kind: 'binary', what: textOf(uri ?? 'resource'), type: typeText(mimeType), base64: blob };
  return { kind: 'text', text: JSON.stringify(resource) };
}

function typeText(mimeType: JsonValue | undefined): string {
  return typeof mimeType === 'string' ? mimeType : 'unknown type';
}

/** Text for stdout: safe on a terminal, untouched elsewhere. */
export function printText(context: CliContext, text: string): void {
  const shown = context.columns() === undefined ? text : plain(text);
  context.stdout.write(shown.endsWith('\n') ? shown : `${shown}\n`);
}

/** Prints text on stdout, notes for the rest. `output` gets the first binary piece; that there is none is a failure. */
export async function printPieces(
  context: CliContext,
  pieces: readonly Piece[],
  output: string | undefined,
): Promise<void> {
  let left = output;
  for (const piece of pieces) {
    if (piece.kind === 'text') {
      printText(context, piece.text);
      continue;
    }
    const bytes = Buffer.from(piece.base64, 'base64');
    const what = `${oneLine(piece.what)}: ${oneLine(piece.type)}, ${sizeText(bytes.length)}`;
    if (left === undefined) note(context, output === undefined ? `${what} (--output FILE writes it)` : what);
    else {
      await context.files.replace(resolve(context.cwd, left), bytes);
      note(context, `${what}, written to ${left}`);
      left = undefined;
    }
  }
  if (left !== undefined)
    throw new CliError(`--output ${left}: there is nothing binary in the result`, exitCodes.failed);
}

/** The same, before `--json` prints the result itself. */
export async function writeFirstBinary(
  context: CliContext,
  pieces: readonly Piece[],
  output: string | undefined,
): Promise<void> {
  if (output === undefined) return;
  await printPieces(context, pieces.filter(({ kind }) => kind === 'binary').slice(0, 1), output);
}
