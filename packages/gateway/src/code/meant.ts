/**
 * What a call of a program gives, from the result of the tool: what is structured, else its one text, as data where that is JSON, else
 * its content. It is taken apart here, in the thread of the program but outside of it, where parsing takes a tenth of the time.
 */

// Types alone: each thread loads what it imports anew, and it is waited for.
import type { JsonObject, JsonValue } from '@sallyport/wire';

/** JSON of `{error, value}`, one of which is null or what is meant. `result` is the JSON of a result. */
export function meantOf(result: string): string {
  const given = JSON.parse(result) as JsonValue;
  if (!isObject(given)) return valueText(result);
  const { content, isError, structuredContent } = given;
  const parts = Array.isArray(content) ? content.filter(isObject) : [];
  if (isError === true) return errorText(parts);
  if (structuredContent !== undefined) return valueText(JSON.stringify(structuredContent));
  const [only] = parts;
  if (only === undefined) return valueText(result);
  if (parts.length > 1 || only['type'] !== 'text' || typeof only['text'] !== 'string') {
    return valueText(JSON.stringify(parts));
  }
  const { text } = only;
  return valueText(isData(text) ? text : JSON.stringify(text));
}

function errorText(parts: readonly JsonObject[]): string {
  const said = parts
    .flatMap(({ text, type }) => (type === 'text' && typeof text === 'string' ? [text] : []))
    .join('\n');
  return `{"error":${JSON.stringify(said === '' ? 'The tool failed and said nothing.' : said)},"value":null}`;
}

function valueText(json: string): string {
  return `{"error":null,"value":${json}}`;
}

/** An object or a list: a number is meant as the text that it is. */
function isData(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
