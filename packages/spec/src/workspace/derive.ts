/**
 * What was made of the large texts that were looked at last: agents read the same file again and again, and a text that is the
 * same makes the same. Knows texts, not files, so nothing here can be out of date.
 */

/** `make` is a function of the text alone, and one of a few that always are the same; what it answers is never changed. */
export type Derive = <T>(text: string, make: (text: string) => T) => T;

/** Below, making it anew costs less than it saves. */
const LEAST_CHARACTERS = 20_000;
/** Of all texts that are kept for one way of making. */
const MOST_CHARACTERS = 2_000_000;

export function createDerive(): Derive {
  const kept = new Map<unknown, Map<string, unknown>>();
  return <T>(text: string, make: (text: string) => T): T => {
    if (text.length < LEAST_CHARACTERS || text.length > MOST_CHARACTERS) return make(text);
    const texts = kept.get(make) ?? new Map<string, unknown>();
    kept.set(make, texts);
    const value = texts.has(text) ? (texts.get(text) as T) : make(text);
    // The one that was used last is the last to go.
    texts.delete(text);
    texts.set(text, value);
    let characters = 0;
    for (const one of texts.keys()) characters += one.length;
    for (const one of texts.keys()) {
      if (characters <= MOST_CHARACTERS) break;
      characters -= one.length;
      texts.delete(one);
    }
    return value;
  };
}
