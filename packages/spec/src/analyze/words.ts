/** Words of a sentence as a comparison sees them: lower case, without endings and without those that say nothing. English. */

const EMPTY = new Set(
  (
    'a an the and or of to for in on at by with from as is are be been was were it its this that these those must shall should ' +
    'may can could will would not no any all each every their they them he she his her our we you your user users system when ' +
    'then given if than into out up per via so such only also able allow allows let lets make makes have has had do does ' +
    'create implement add write build provide support using use used'
  ).split(' '),
);

function stem(word: string): string {
  if (word.length > 5 && word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (word.length > 6 && word.endsWith('ing')) return word.slice(0, -3);
  if (word.length > 5 && word.endsWith('ed')) return word.slice(0, -2);
  if (word.length > 4 && word.endsWith('es')) return word.slice(0, -2);
  return word.length > 3 && word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word;
}

/** File names and identifiers are taken apart: `userProfile.ts` says user, profile. */
export function wordsOf(text: string): ReadonlySet<string> {
  const words = new Set<string>();
  const apart = /[a-z0-9][A-Z]/.test(text) ? text.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2') : text;
  for (const word of apart.toLowerCase().match(/[\p{L}\p{N}]{2,40}/gu) ?? []) {
    if (!EMPTY.has(word)) words.add(stem(word));
  }
  return words;
}

/** Shared words against all words, 0 to 1. */
export function similarity(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 || b.size === 0) return 0;
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  let shared = 0;
  for (const word of small) if (large.has(word)) shared += 1;
  return shared / (a.size + b.size - shared);
}
