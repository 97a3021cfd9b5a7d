/**
 * The thread that reads one document and makes its tools: nobody's calls wait for that, and what takes more memory than a document
 * may ends this thread alone. Its tools go out in pieces, each when it is asked for.
 */

import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { isObject, type JsonObject } from '@sallyport/wire';
import { DocumentError, readDocument, type ApiDocument } from './document.ts';
import { madeOf } from './making.ts';
import type { About, FromThread, Order } from './messages.ts';
import { idleGlobs, listOperations } from './operations.ts';
import { schemesOf } from './security.ts';
import { sentTool, type SentTool } from './sent-tool.ts';
import { plainText } from './texts.ts';

/** Characters of the definitions in one piece; one of them may have more. */
const PIECE = 64 * 1024;
/** Of what cannot be a tool, so much is said. */
const MAX_SAID = 20;

const port = parentPort;
if (port === null) throw new Error('This is the thread of a document, not a program.');
const post = (message: FromThread): void => port.postMessage(message);

function read({ bytes, hash, server, wanted }: Order): { readonly about: About; readonly tools: readonly SentTool[] } {
  if (createHash('sha256').update(bytes).digest('hex') !== hash) {
    throw new DocumentError(
      'the document has changed since the configuration was read: sallyport reload takes it as it is now.',
    );
  }
  const document = readDocument(bytes);
  const { refused, tools } = madeOf(document, server, wanted);
  const about = {
    schemes: schemesOf(document),
    ...infoOf(document),
    refused: {
      count: refused.length,
      operations: refused.slice(0, MAX_SAID).map(({ key, reason }) => `${key}: ${reason}`),
    },
    idle: idleGlobs(listOperations(document, server).operations, wanted.operations),
  };
  return { about, tools: tools.map(sentTool) };
}

function infoOf({ root }: ApiDocument): Pick<About, 'info' | 'instructions'> {
  const info: JsonObject = isObject(root['info']) ? root['info'] : {};
  const name = plainText(info['title'], 100) ?? 'API';
  return {
    info: { name, version: plainText(info['version'], 40) ?? '0' },
    instructions: plainText(info['description'], 500),
  };
}

function* piecesOf(tools: readonly SentTool[]): Generator<readonly SentTool[]> {
  let piece: SentTool[] = [];
  let size = 0;
  for (const tool of tools) {
    piece.push(tool);
    size += JSON.stringify(tool.definition).length;
    if (size < PIECE) continue;
    yield piece;
    piece = [];
    size = 0;
  }
  if (piece.length > 0) yield piece;
}

try {
  const { about, tools } = read(workerData as Order);
  const pieces = piecesOf(tools);
  port.on('message', () => {
    const { value } = pieces.next();
    // The gateway ends this thread when it has the last: one that ended by itself could take what it has just said with it.
    post({ kind: 'tools', tools: value ?? [] });
  });
  post({ kind: 'about', about });
} catch (error) {
  if (!(error instanceof DocumentError)) throw error;
  post({ kind: 'refused', message: error.message });
  port.on('message', () => undefined);
}
