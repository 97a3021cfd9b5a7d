/**
 * A tool in one line: its name and what it takes. For a model that chooses; the whole definition is given when it asks. Texts of
 * servers stand in it without line breaks and without what cannot be seen, and clipped.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { oneLine } from '../one-line.ts';
import type { SeenTool } from './types.ts';

/** Parameters that are named; of more it is said how many. */
const MAX_PARAMETERS = 12;
const MAX_VALUES = 6;
const MAX_TYPE = 60;
const MAX_DEPTH = 3;

/** The description of a tool as one line, or its title where it has none. */
export function describedAs({ shown }: Pick<SeenTool, 'shown'>, maxLength: number): string {
  const { description, title } = shown;
  const text = typeof description === 'string' && description.trim() !== '' ? description : title;
  return typeof text === 'string' ? oneLine(text, maxLength) : '';
}

/** `server__tool(path: string, limit?: integer)` */
export function signatureOf({ name, shown }: Pick<SeenTool, 'name' | 'shown'>): string {
  return `${name}(${parametersOf(shown)})`;
}

/** `path: string, limit?: integer` */
export function parametersOf({ inputSchema: schema }: SeenTool['shown']): string {
  const properties = isObject(schema) && isObject(schema['properties']) ? Object.entries(schema['properties']) : [];
  const needed = new Set(isObject(schema) && Array.isArray(schema['required']) ? schema['required'] : []);
  const ordered = [
    ...properties.filter(([parameter]) => needed.has(parameter)),
    ...properties.filter(([parameter]) => !needed.has(parameter)),
  ];
  const taken = ordered.slice(0, MAX_PARAMETERS).map(([parameter, property]) => {
    return `${oneLine(parameter, MAX_TYPE)}${needed.has(parameter) ? '' : '?'}: ${typeOf(property, 0)}`;
  });
  const more = ordered.length - taken.length;
  return [...taken, ...(more > 0 ? [`… ${more} more`] : [])].join(', ');
}

function typeOf(schema: JsonValue | undefined, depth: number): string {
  if (!isObject(schema) || depth > MAX_DEPTH) return 'any';
  return oneLine(written(schema, depth), MAX_TYPE);
}

function written(schema: JsonObject, depth: number): string {
  const { anyOf, const: only, enum: values, items, oneOf, type } = schema;
  if (only !== undefined) return JSON.stringify(only);
  if (Array.isArray(values)) {
    const shown = values.slice(0, MAX_VALUES).map((value) => JSON.stringify(value));
    return [...shown, ...(values.length > MAX_VALUES ? ['…'] : [])].join('|');
  }
  const either = anyOf ?? oneOf;
  if (Array.isArray(either))
    return [...new Set(either.slice(0, MAX_VALUES).map((each) => typeOf(each, depth + 1)))].join('|');
  if (type === 'array') return `${typeOf(items, depth + 1)}[]`;
  if (Array.isArray(type)) return type.filter((each) => typeof each === 'string').join('|');
  return typeof type === 'string' ? type : 'any';
}
