/**
 * Text that is made not to be seen as what it is: characters without a glyph, tags, text that runs the other way, letters that
 * look like others, text inside base64. What is found is named, and the text is given as a model would read it.
 */

/** U+E0000 block: each tag is an ASCII character that nobody sees. */
const TAGS = /[\u{E0020}-\u{E007F}]+/gu;
/** Flags of regions are a black flag and tags (UTS #51, emoji_tag_sequence). */
const FLAG = /\u{1F3F4}[\u{E0020}-\u{E007E}]{2,7}\u{E007F}/gu;
/** Bytes can be hidden in runs of these. */
const VARIATIONS = /[\u{FE00}-\u{FE0F}\u{E0100}-\u{E01EF}]{3,}/gu;
const BIDI = /[\u202A-\u202E\u2066-\u2069]/;
const ALL_BIDI = /[\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C]/g;
/** Between letters of scripts that join nothing, they have no use. */
const INVISIBLE_IN_WORD = /(?<=[A-Za-z])[\u00AD\u200B-\u200D\u2060-\u2064\uFEFF\u180E\u115F\u3164]+(?=[A-Za-z])/g;
const INVISIBLE = /[\u00AD\u200B-\u200D\u2060-\u2064\uFEFF\u180E\u115F\u1160\u3164\u17B4\u17B5]/g;
/** Soft hyphens and the like come alone in text that was set for a page. */
const MANY_INVISIBLE = 3;

/** Letters of other scripts that look like those of Latin, by the letter that they look like (UTS #39). */
const CONFUSABLES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    a: 'аαɑа',
    b: 'ЬƄ',
    c: 'сϲᴄ',
    d: 'ԁɗ',
    e: 'еҽєε',
    g: 'ɡց',
    h: 'һհ',
    i: 'іιɩ',
    j: 'јϳ',
    k: 'кκ',
    l: 'ӏⅼ',
    m: 'м',
    n: 'ոп',
    o: 'оοօσ',
    p: 'рρ',
    q: 'ԛ',
    r: 'гⲅ',
    s: 'ѕꜱ',
    t: 'тτ',
    u: 'υսц',
    v: 'νѵ',
    w: 'ԝωѡ',
    x: 'хχ',
    y: 'уγү',
    z: 'ᴢ',
    A: 'АΑ',
    B: 'ВΒ',
    C: 'С',
    E: 'ЕΕ',
    H: 'НΗ',
    I: 'ІΙ',
    J: 'Ј',
    K: 'КΚ',
    M: 'МΜ',
    N: 'Ν',
    O: 'ОΟ',
    P: 'РΡ',
    S: 'Ѕ',
    T: 'ТΤ',
    X: 'ХΧ',
    Y: 'УΥ',
    Z: 'Ζ',
  }).flatMap(([letter, others]) => Array.from(others).map((other) => [other, letter] as const)),
);
const WORD = /[\p{L}\p{M}]+/gu;
const LATIN = /\p{Script=Latin}/u;

/** Letters with something between each two of them. */
const APART = /(?<![A-Za-z])(?:[A-Za-z][ ._*-]{1,3}){11,}[A-Za-z](?![A-Za-z])/g;
const LOOKS_LIKE: Readonly<Record<string, string>> = { 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't' };

const BASE64 = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,8192}={0,2}/g;
const HEXADECIMAL = /(?<![0-9a-fA-F])(?:[0-9a-fA-F]{2}){16,4096}(?![0-9a-fA-F])/g;
/** Encoded texts that are looked into. */
const MAX_ENCODED = 50;

export type Disguise = 'invisible' | 'tags' | 'bidi' | 'homoglyphs';

export interface Undisguised {
  readonly found: readonly Disguise[];
  /** Without what hides it: in one line, lower case, plain letters. */
  readonly text: string;
  /** The same without accents and with letters for digits; undefined: there is no difference. */
  readonly bare: string | undefined;
}

/** Only for what stands in the open: see `encodedTexts`. */
export function undisguised(given: string): Undisguised {
  const { found, text } = revealed(withoutEscapes(given));
  const plain = flat(text);
  const bare = flat(withLetters(text));
  return { found, text: plain, bare: bare === plain ? undefined : bare };
}

function revealed(text: string): { readonly found: readonly Disguise[]; readonly text: string } {
  if (isPlain(text)) return { found: [], text };
  const found: Disguise[] = [];
  const shown = text.replace(FLAG, '');
  const hidden = [...shown.matchAll(TAGS)].map(([tags]) => fromTags(tags));
  if (hidden.length > 0) found.push('tags');
  if (isInvisible(shown)) found.push('invisible');
  if (BIDI.test(shown)) found.push('bidi');
  const visible = shown
    .replace(TAGS, '')
    .replace(VARIATIONS, '')
    .replace(INVISIBLE, '')
    .replace(ALL_BIDI, '')
    .normalize('NFKC');
  const words = visible.replace(WORD, (word) => latinWord(word) ?? word);
  if (words !== visible) found.push('homoglyphs');
  return { found, text: [words, ...hidden].join(' ') };
}

/** True for a name with a letter that only looks like one of Latin. */
export function isImitation(name: string): boolean {
  return Array.from(name).some((letter) => CONFUSABLES.has(letter)) || /[\uFF01-\uFF5E\u{1D400}-\u{1D7FF}]/u.test(name);
}

function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7e) return false;
  return true;
}

/** Words that were broken are whole again, and letters that stand apart are words. */
function flat(text: string): string {
  return text
    .replace(/(?<=\p{L})-\s{0,3}\n\s{0,8}(?=\p{Ll})/gu, '')
    .replace(APART, (letters) => letters.replace(/[ ._*-]+/g, (between) => (between.length > 2 ? ' ' : '')))
    .toLowerCase()
    .replace(/\s+/g, ' ');
}

/** Letters as programs, pages and addresses write those that they cannot hold. One that stands alone is left. */
function withoutEscapes(text: string): string {
  if (!/[\\&%]/.test(text)) return text;
  const byCode = (code: string, radix: number): string => {
    const value = Number.parseInt(code, radix);
    return value <= 0x10ffff ? String.fromCodePoint(value) : '';
  };
  return text
    .replace(/(?:\\u[0-9a-f]{4}){4,}/gi, (run) =>
      run.replace(/\\u(.{4})/g, (_escape, code: string) => byCode(code, 16)),
    )
    .replace(/(?:&#(?:x[0-9a-f]{1,6}|\d{1,7});){4,}/gi, (run) =>
      run.replace(/&#(x?)([0-9a-f]+);/gi, (_entity, x: string, code: string) => byCode(code, x === '' ? 10 : 16)),
    )
    .replace(/%[2-7][0-9a-f]/gi, (triple) => byCode(triple.slice(1), 16));
}

/** Without accents, and with a letter for each digit in a word that looks like it. */
function withLetters(text: string): string {
  const bare = isPlain(text) ? text : text.normalize('NFKD').replace(/\p{M}/gu, '');
  return bare.replace(/[A-Za-z]*\d[A-Za-z\d]*/g, (word) =>
    /[A-Za-z]/.test(word) ? word.replace(/[013457]/g, (digit) => LOOKS_LIKE[digit] as string) : word,
  );
}

function fromTags(tags: string): string {
  return Array.from(tags)
    .map((tag) => String.fromCharCode((tag.codePointAt(0) as number) - 0xe0000))
    .join('');
}

function isInvisible(text: string): boolean {
  const inWords = text.match(INVISIBLE_IN_WORD)?.length ?? 0;
  return (
    inWords >= MANY_INVISIBLE ||
    text.search(VARIATIONS) !== -1 ||
    /[\u200B\u2060-\u2064]{3,}/.test(text) ||
    (inWords > 0 && /[\u2060-\u2064]/.test(text))
  );
}

/** A word of Latin with letters in it that only look so; a word of another script alone is a word of a language. */
function latinWord(word: string): string | undefined {
  if (!LATIN.test(word)) return undefined;
  const letters = Array.from(word).map((letter) => CONFUSABLES.get(letter) ?? letter);
  return letters.join('') === word ? undefined : letters.join('');
}

/** What stands in a text as base64 or hexadecimal and is text itself. */
export function encodedTexts(text: string): string[] {
  const whole = text.replace(/(?<=[A-Za-z0-9+/]{40})\r?\n(?=[A-Za-z0-9+/=])/g, '');
  const base64 = [...whole.matchAll(BASE64)].slice(0, MAX_ENCODED).map(([run]) => Buffer.from(run, 'base64'));
  const hexadecimal = [...text.matchAll(HEXADECIMAL)].slice(0, MAX_ENCODED).map(([run]) => Buffer.from(run, 'hex'));
  return [...base64, ...hexadecimal]
    .map((bytes) => bytes.toString('utf8'))
    .filter((inner) => isProse(inner) || isRun(inner));
}

/** Encoded once more. */
function isRun(text: string): boolean {
  return /^[A-Za-z0-9+/]{24,}={0,2}$/.test(text);
}

/** Letters and spaces, as sentences have them. */
function isProse(text: string): boolean {
  const plain = text.match(/[A-Za-z ,.'\n]/g)?.length ?? 0;
  return text.includes(' ') && plain / text.length > 0.8 && !text.includes('\uFFFD');
}
