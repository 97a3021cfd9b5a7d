/** Fixed answers of the everything server, and the two shapes of result its tools build most. */
import { fromJsonSchema } from '@modelcontextprotocol/server';
import type { CallToolResult, JsonSchemaType, StandardSchemaWithJSON } from '@modelcontextprotocol/server';

/** A PNG of one red pixel, Base64. */
export const RED_PIXEL_PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

/** A WAV file without samples, Base64. */
export const SILENT_WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';

export function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] };
}

/** An object schema whose properties are all required unless listed in `optional`. */
export function schema<T>(
  properties: Record<string, JsonSchemaType>,
  optional: readonly string[] = [],
): StandardSchemaWithJSON<T, T> {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return fromJsonSchema<T>({ type: 'object', properties, required });
}
