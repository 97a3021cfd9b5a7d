/**
 * Reading the body of a POST within its limits: media type, encoding, length announced and length sent, UTF-8.
 * Nothing is parsed here.
 */

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { wireError, type WireError } from '@sallyport/wire';
import { Gathered } from '../gathered.ts';

/** What is wrong with the announced body, before a byte of it is read. */
export function checkBodyHeaders(request: IncomingMessage, maxBytes: number): WireError | undefined {
  const { headers } = request;
  if (!isJsonType(headers['content-type'])) return wireError('unsupported_media_type');
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return wireError('unsupported_media_type');
  return Number(headers['content-length'] ?? 0) > maxBytes ? tooLarge(maxBytes) : undefined;
}

/** `application/json`, without a charset or with UTF-8. */
function isJsonType(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  const found = /^application\/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?([^\s;"]+)"?[ \t]*)?$/i.exec(
    contentType ?? '',
  );
  return found !== null && (found[1] === undefined || found[1].toLowerCase() === 'utf-8');
}

function tooLarge(maxBytes: number): WireError {
  return wireError('too_large', `The body may be ${maxBytes} bytes at most.`);
}

/** What a body turned out to be; undefined when the client went away. */
export type Body = { readonly text: string } | WireError | undefined;

/** Reads the body as text. `done` is called exactly once; a body that is too large is not read to its end. */
export function readBody(request: IncomingMessage, maxBytes: number, done: (body: Body) => void): void {
  const gathered = new Gathered();
  let settled = false;
  const settle = (body: Body): void => {
    if (settled) return;
    settled = true;
    done(body);
  };
  request.on('data', (chunk: Buffer) => {
    if (settled) return;
    if (gathered.length + chunk.length <= maxBytes) return gathered.add(chunk);
    gathered.drop();
    request.pause();
    settle(tooLarge(maxBytes));
  });
  request.on('end', () => {
    if (settled) return;
    const whole = gathered.take();
    settle(isUtf8(whole) ? { text: whole.toString('utf8') } : wireError('parse', 'The body is not valid UTF-8.'));
  });
  request.on('close', () => settle(undefined));
}
