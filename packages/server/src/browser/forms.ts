/**
 * Forms that a browser posts: whether one of our own pages sent it, and what is in it. Only
 * `application/x-www-form-urlencoded`: the other types that a page of a stranger can send without asking (`text/plain`,
 * `multipart/form-data`) are refused. Whose form it is, is not known here.
 */

import type { IncomingMessage } from 'node:http';
import { readBody } from '../http/body.ts';

const MAX_FORM_BYTES = 64 * 1024;
const FORM_TYPE = /^application\/x-www-form-urlencoded[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-8"?[ \t]*)?$/i;

/**
 * True when the browser says that a page of one of our origins sent this request. One that says nothing is not believed:
 * every browser in use states the origin of a POST.
 */
export function isFromOwnPage(request: IncomingMessage, ownOrigins: readonly string[]): boolean {
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  return origin !== undefined && ownOrigins.includes(origin.toLowerCase());
}

export type FormRead = { readonly form: URLSearchParams } | { readonly status: 400 | 413 | 415 };

/** Undefined when the client went away. */
export function readForm(request: IncomingMessage): Promise<FormRead | undefined> {
  const { headers } = request;
  const encoding = headers['content-encoding'] ?? 'identity';
  if (!FORM_TYPE.test(headers['content-type'] ?? '') || encoding !== 'identity') {
    return Promise.resolve({ status: 415 });
  }
  return new Promise((resolve) => {
    readBody(request, MAX_FORM_BYTES, (body) => {
      if (body === undefined) return resolve(undefined);
      if (!('text' in body)) return resolve({ status: body.key === 'too_large' ? 413 : 400 });
      const form = new URLSearchParams(body.text);
      const isOnce = new Set(form.keys()).size === form.size;
      resolve(isOnce ? { form } : { status: 400 });
    });
  });
}
