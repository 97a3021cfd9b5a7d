/** Texts of a document as models and people may see them: bounded, and without what a terminal or a model would obey unseen. */

import type { JsonValue } from '@sallyport/wire';

/** Controls but for line breaks and tabs; marks that turn the direction of text; characters that are not seen. */
const UNSEEN = /[^\P{Cc}\n\t]|\p{Cf}|[\u2028\u2029]/gu;

/** Undefined for what is no text, or an empty one. */
export function plainText(value: JsonValue | undefined, most: number): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value
    .slice(0, most * 4)
    .replaceAll(UNSEEN, '')
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/\s*\n\s*/g, '\n')
    .trim();
  if (text === '') return undefined;
  return text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
