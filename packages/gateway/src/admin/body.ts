/** Reading what a request says. Each throws `AdminError` for what cannot be meant. */

import type { JsonObject } from '@sallyport/wire';
import { AdminError } from './types.ts';

export const STRING: JsonObject = { type: 'string' };

export function textIn(body: JsonObject, name: string): string | undefined {
  const value = body[name];
  return typeof value === 'string' ? value : undefined;
}

export function needed(body: JsonObject, name: string): string {
  const value = textIn(body, name);
  if (value === undefined || value === '') throw invalid(`\`${name}\` is missing.`);
  return value;
}

export function invalid(message: string): AdminError {
  return new AdminError(400, 'invalid', message);
}

export function found(value: unknown, what: string, name: string): unknown {
  if (value === undefined) throw new AdminError(404, 'not_found', `There is no ${what} ${JSON.stringify(name)}.`);
  return value;
}
