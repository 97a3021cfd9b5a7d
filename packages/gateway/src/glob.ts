/**
 * Globs over names and URIs, the only ones there are: `*` is any text, `?` is one character (a UTF-16 unit), everything else
 * itself. Anchored at both ends, compiled once, without a regular expression: what is matched comes from strangers.
 */

export type Matches = (text: string) => boolean;

/** True for a text that one of the globs matches. No globs match nothing. */
export function globMatcher(globs: readonly string[]): Matches {
  if (globs.includes('*')) return () => true;
  const exact = new Set(globs.filter((glob) => !/[*?]/.test(glob)));
  const wild = globs.filter((glob) => !exact.has(glob)).map(compile);
  if (wild.length === 0) return (text) => exact.has(text);
  return (text) => exact.has(text) || wild.some((matches) => matches(text));
}

function compile(glob: string): Matches {
  const [first = '', ...rest] = glob.split('*');
  const last = rest.pop();
  if (last === undefined) return (text) => text.length === first.length && standsAt(text, first, 0);
  return (text) => {
    const end = text.length - last.length;
    if (end < first.length || !standsAt(text, first, 0) || !standsAt(text, last, end)) return false;
    let at = first.length;
    for (const piece of rest) {
      const found = find(text, piece, at, end);
      if (found === -1) return false;
      at = found + piece.length;
    }
    return true;
  };
}

/** Where the piece stands first in `text`, between `from` and `end`; -1 for nowhere. */
function find(text: string, piece: string, from: number, end: number): number {
  const last = end - piece.length;
  if (!piece.includes('?')) {
    const found = text.indexOf(piece, from);
    return found > last ? -1 : found;
  }
  for (let at = from; at <= last; at++) if (standsAt(text, piece, at)) return at;
  return -1;
}

function standsAt(text: string, piece: string, at: number): boolean {
  if (!piece.includes('?')) return text.startsWith(piece, at);
  for (let index = 0; index < piece.length; index++) {
    if (piece[index] !== '?' && piece[index] !== text[at + index]) return false;
  }
  return true;
}

/** True when a longer text that begins with `prefix` can match the glob. */
export function globReaches(glob: string, prefix: string): boolean {
  const star = glob.indexOf('*');
  const head = star === -1 ? glob : glob.slice(0, star);
  if (star === -1 && head.length <= prefix.length) return false;
  const length = Math.min(head.length, prefix.length);
  return standsAt(prefix, head.slice(0, length), 0);
}
