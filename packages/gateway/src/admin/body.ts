/** Reading what a request says, and the schemas of it. Each reader throws `AdminError` for what cannot be meant. */

import type { JsonObject } from '@sallyport/wire';
import { AdminError } from './types.ts';

export const STRING: JsonObject = { type: 'string' };
export const STRINGS: JsonObject = { type: 'array', items: STRING };

/** An object that has at least these members. */
export function has(properties: JsonObject, more: JsonObject = {}): JsonObject {
  return { type: 'object', required: Object.keys(properties), properties, ...more };
}

/** One with a list of objects. */
export function listOf(member: string, properties: JsonObject): JsonObject {
  return has({ [member]: { type: 'array', items: has(properties) } });
}

export function textIn(body: JsonObject, name: string): string | undefined {
  const value = body[name];
  if (value !== undefined && typeof value !== 'string') throw invalid(`\`${name}\` is a text.`);
  return value;
}

export function needed(body: JsonObject, name: string): string {
  const value = textIn(body, name);
  if (value === undefined || value === '') throw invalid(`\`${name}\` is missing.`);
  return value;
}

/** `?dryRun=true`. */
export function flagIn(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  if (value !== null && value !== 'true' && value !== 'false') throw invalid(`\`${name}\` is true or false.`);
  return value === 'true';
}

export function invalid(message: string): AdminError {
  return new AdminError(400, 'invalid', message);
}

export function found<T>(value: T | undefined, what: string, name: string): T {
  if (value === undefined) throw new AdminError(404, 'not_found', `There is no ${what} ${JSON.stringify(name)}.`);
  return value;
}
