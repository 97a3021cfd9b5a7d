/**
 * Stems of English words: Porter's algorithm (M. F. Porter, "An algorithm for suffix stripping", 1980). Words that are none of
 * English, or are too short to have a suffix, come back as they are. Lower case in, lower case out.
 */

const CONSONANT = '(?:[^aeiouy]|(?<![^aeiou]|^y)y|^y)';
const VOWEL = /[aeiou]|(?<=[^aeiou])y/;
/** A vowel that a consonant follows: what Porter counts as the measure of a stem. */
const SEQUENCE = /[aeiouy]+[^aeiouy]+/g;
const DOUBLE = /([^aeiouylsz])\1$/;
const SHORT = new RegExp(`${CONSONANT}[aeiouy][^aeiouywx]$`);
const ENGLISH = /^[a-z]+$/;

const STEP_2: readonly (readonly [string, string])[] = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['izer', 'ize'],
  ['abli', 'able'],
  ['alli', 'al'],
  ['entli', 'ent'],
  ['eli', 'e'],
  ['ousli', 'ous'],
  ['ization', 'ize'],
  ['ation', 'ate'],
  ['ator', 'ate'],
  ['alism', 'al'],
  ['iveness', 'ive'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['aliti', 'al'],
  ['iviti', 'ive'],
  ['biliti', 'ble'],
];

const STEP_3: readonly (readonly [string, string])[] = [
  ['icate', 'ic'],
  ['ative', ''],
  ['alize', 'al'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ful', ''],
  ['ness', ''],
];

const STEP_4: readonly string[] =
  'al ance ence er or ic able ible ant ement ment ent ion ou ism ate iti ous ive ize'.split(' ');

export function stem(word: string): string {
  if (word.length < 3 || !ENGLISH.test(word)) return word;
  const plural = withoutPlural(word);
  const past = withoutPast(plural);
  const ended = past.endsWith('y') && VOWEL.test(past.slice(0, -1)) ? `${past.slice(0, -1)}i` : past;
  return withoutE(withoutSuffix(replaced(replaced(ended, STEP_2), STEP_3)));
}

function measure(text: string): number {
  return text.match(SEQUENCE)?.length ?? 0;
}

function withoutPlural(word: string): string {
  if (word.endsWith('sses') || word.endsWith('ies')) return word.slice(0, -2);
  return word.endsWith('s') && !word.endsWith('ss') && !word.endsWith('us') && !word.endsWith('is')
    ? word.slice(0, -1)
    : word;
}

function withoutPast(word: string): string {
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const cut = word.endsWith('ing') ? 3 : word.endsWith('ed') ? 2 : 0;
  const rest = word.slice(0, word.length - cut);
  if (cut === 0 || rest.length < 2 || !VOWEL.test(rest)) return word;
  if (/(?:at|bl|iz)$/.test(rest)) return `${rest}e`;
  if (DOUBLE.test(rest)) return rest.slice(0, -1);
  return measure(rest) === 1 && SHORT.test(rest) ? `${rest}e` : rest;
}

/** The longest suffix of a table, where what stands before it is long enough. */
function replaced(word: string, table: readonly (readonly [string, string])[]): string {
  for (const [suffix, instead] of table) {
    if (!word.endsWith(suffix)) continue;
    const rest = word.slice(0, -suffix.length);
    return measure(rest) > 0 ? rest + instead : word;
  }
  return word;
}

function withoutSuffix(word: string): string {
  let longest = '';
  for (const suffix of STEP_4) if (suffix.length > longest.length && word.endsWith(suffix)) longest = suffix;
  if (longest === '') return word;
  const rest = word.slice(0, -longest.length);
  const isWhole = longest !== 'ion' || rest.endsWith('s') || rest.endsWith('t');
  return measure(rest) > 1 && isWhole ? rest : word;
}

function withoutE(word: string): string {
  if (word.endsWith('ll') && measure(word) > 1) return word.slice(0, -1);
  if (!word.endsWith('e')) return word;
  const rest = word.slice(0, -1);
  const size = measure(rest);
  return size > 1 || (size === 1 && !SHORT.test(rest)) ? rest : word;
}
