/**
 * The requests and answers of endpoints that clients call without a person: form or JSON in, JSON out, errors in the words
 * of OAuth (RFC 6749 §5, RFC 7591 §3.2). No cache may keep any of them.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isObject, type JsonObject } from '@sallyport/wire';
import type { Handler } from '../browser/types.ts';
import { readBody, type Body } from '../http/body.ts';
import { endWith } from '../http/refuse.ts';
import type { Report } from './events.ts';
import { OAuthError, type OAuthErrorCode } from './oauth-error.ts';

/** What is answered: 200 unless said otherwise; without a body there is only the status. */
export interface JsonAnswer {
  readonly status?: number;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => JsonAnswer | Promise<JsonAnswer>;

/** One method, one answer; what is thrown becomes an error of OAuth. */
export function jsonEndpoint(method: 'GET' | 'POST', report: Report, answer: Answer): Handler {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<JsonAnswer> => {
    try {
      if (request.method !== method && (method !== 'GET' || request.method !== 'HEAD')) throw wrongMethod(method);
      return await answer(request, response);
    } catch (error) {
      if (error instanceof OAuthError) {
        report(request, { kind: 'refused', detail: error.message });
        return errorAnswer(error.code, error);
      }
      report(request, { kind: 'failed', detail: String(error) });
      return errorAnswer('server_error', { message: 'An internal error occurred.', status: 500 });
    }
  };
  return (request, response) => void respond(request, response).then((answered) => send(response, answered));
}

function wrongMethod(method: string): OAuthError {
  return new OAuthError('invalid_request', `The method is ${method}.`, { status: 405, headers: { allow: method } });
}

type ErrorFacts = Pick<OAuthError, 'message' | 'status'> & Partial<Pick<OAuthError, 'headers'>>;

function errorAnswer(code: OAuthErrorCode, { headers = {}, message, status }: ErrorFacts): JsonAnswer {
  return { status, headers, body: { error: code, error_description: message } };
}

function send(response: ServerResponse, { body, headers = {}, status = 200 }: JsonAnswer): void {
  if (response.headersSent || response.destroyed) return;
  const all = { 'cache-control': 'no-store', 'content-type': 'application/json', ...headers };
  endWith(response, status, all, JSON.stringify(body) ?? '');
}

/** The form in a body: no name twice, and what is empty is not there (RFC 6749 §3.2). Throws an {@link OAuthError}. */
export async function readForm(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
): Promise<URLSearchParams> {
  const text = await readText(request, response, { type: FORM_TYPE, maxBytes });
  if (text === undefined) {
    throw new OAuthError(
      'invalid_request',
      `The body is a form (application/x-www-form-urlencoded) of ${maxBytes} bytes at most.`,
    );
  }
  const form = new URLSearchParams(text);
  if (new Set(form.keys()).size < form.size) throw new OAuthError('invalid_request', 'A parameter stands there twice.');
  return new URLSearchParams([...form].filter(([, value]) => value !== ''));
}

/** The JSON object in a body; undefined when it is none, or larger. */
export async function readJson(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
): Promise<JsonObject | undefined> {
  const text = await readText(request, response, { type: JSON_TYPE, maxBytes });
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const CHARSET = String.raw`[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-8"?[ \t]*)?$`;
const FORM_TYPE = new RegExp(`^application/x-www-form-urlencoded${CHARSET}`, 'i');
const JSON_TYPE = new RegExp(`^application/json${CHARSET}`, 'i');

interface Expected {
  readonly type: RegExp;
  readonly maxBytes: number;
}

/** Undefined: another type, an encoding, too large, or no UTF-8. */
async function readText(
  request: IncomingMessage,
  response: ServerResponse,
  expected: Expected,
): Promise<string | undefined> {
  if (!isExpected(request, expected)) return undefined;
  if (request.headers.expect !== undefined) response.writeContinue();
  const body = await new Promise<Body>((resolve) => readBody(request, expected.maxBytes, resolve));
  if (body === undefined) throw new OAuthError('invalid_request', 'The body did not arrive.');
  return 'text' in body ? body.text : undefined;
}

/** What is announced, before a byte of it is read. */
function isExpected({ headers }: IncomingMessage, { maxBytes, type }: Expected): boolean {
  const encoding = headers['content-encoding'] ?? 'identity';
  return (
    type.test(headers['content-type'] ?? '') &&
    encoding === 'identity' &&
    !(Number(headers['content-length']) > maxBytes)
  );
}
