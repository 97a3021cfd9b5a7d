/** Variants of a poisoned definition: other words, other places, other disguises. The same seed gives the same variants. */

import type { JsonObject } from '@sallyport/wire';

/** From 0 to below 1. */
export type Random = () => number;

/** Mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const BENIGN: readonly string[] = [
  'Returns the weather for a city, with temperature, wind and chance of rain.',
  'Lists the files of a folder, sorted by name or by the time of their last change.',
  'Searches articles by keyword. Results have a title, a link and a short summary.',
  'Adds two numbers.',
  'Creates an issue in the tracker. Labels are optional; the body may use Markdown.',
  'Converts an amount between two currencies at the rate of the day.',
];

const SYNONYMS: readonly (readonly string[])[] = [
  ['ignore', 'disregard', 'forget', 'override'],
  ['instructions', 'directives', 'rules', 'guidelines'],
  ['previous', 'prior', 'earlier', 'preceding'],
  ['tell', 'inform', 'notify', 'alert'],
  ['user', 'human', 'person', 'customer'],
  ['send', 'transmit', 'forward', 'post'],
  ['read', 'open', 'load', 'access'],
  ['content', 'contents', 'text', 'data'],
  ['include', 'insert', 'embed', 'paste'],
  ['tool', 'function'],
  ['before', 'prior to'],
  ['silently', 'quietly', 'covertly', 'discreetly'],
  ['whenever', 'when', 'each time'],
  ['never', 'do not'],
  ['first', 'at the very start'],
];

const LOOK_ALIKES: Readonly<Record<string, string>> = {
  a: 'а',
  e: 'е',
  o: 'о',
  p: 'р',
  c: 'с',
  i: 'і',
  s: 'ѕ',
  x: 'х',
  y: 'у',
};

export type Disguise = (text: string, random: Random) => string;

const pick = <T>(list: readonly T[], random: Random): T => list[Math.floor(random() * list.length)] as T;

const byLetter =
  (change: (letter: string, random: Random) => string): Disguise =>
  (text, random) =>
    Array.from(text)
      .map((letter) => change(letter, random))
      .join('');

const LEET: Readonly<Record<string, string>> = { a: '4', e: '3', i: '1', o: '0', s: '5', t: '7' };

const DISGUISES: readonly Disguise[] = [
  (text) => text,
  (text) => text,
  (text) => text.toUpperCase(),
  byLetter((letter, random) => (random() < 0.5 ? letter.toUpperCase() : letter.toLowerCase())),
  byLetter((letter, random) => (letter !== ' ' && random() < 0.3 ? `${letter}\u200B` : letter)),
  byLetter((letter, random) => (random() < 0.15 ? `${letter}\u200D` : letter)),
  byLetter((letter, random) => (random() < 0.4 ? (LOOK_ALIKES[letter] ?? letter) : letter)),
  byLetter((letter) => (/[a-z]/i.test(letter) ? String.fromCharCode(letter.charCodeAt(0) + 0xfee0) : letter)),
  (text) =>
    `\u{E0001}${Array.from(text)
      .map((letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0)))
      .join('')}`,
  (text) => `\u202E${Array.from(text).toReversed().join('')}\u202C`,
  (text) => `Configuration: ${Buffer.from(text).toString('base64')}`,
  (text) => `Checksum ${Buffer.from(text).toString('hex')}.`,
  (text, random) => text.replaceAll(' ', () => (random() < 0.3 ? '\n\n' : '  ')),
  (text) => `${' \n'.repeat(200)}${text}`,
  (text) => `**${text}**`,
  (text) => `<!-- ${text} -->`,
  // Letters as digits.
  (text, random) =>
    Array.from(text, (letter) => (random() < 0.6 ? (LEET[letter.toLowerCase()] ?? letter) : letter)).join(''),
  // Letters apart.
  (text) => Array.from(text).join(' '),
  (text) => Array.from(text).join('.'),
  // Broken words.
  (text, random) =>
    text.replace(/(\w{3})(\w{3,})/g, (word, first: string, last: string) =>
      random() < 0.5 ? `${first}-\n${last}` : word,
    ),
  // Typing errors.
  (text, random) =>
    text.replace(/\b(\w)(\w)(\w+)(\w)\b/g, (word, a: string, b: string, middle: string, z: string) =>
      random() < 0.25 ? `${a}${middle[0]}${b}${middle.slice(1)}${z}` : word,
    ),
  // As code, as JSON, as a page, as a URL.
  (text) => Array.from(text, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  (text) => Array.from(text, (letter) => `&#${letter.charCodeAt(0)};`).join(''),
  (text) => encodeURIComponent(text),
  (text) => `/* ${text.replaceAll('. ', '.\n * ')} */`,
  (text) => `| note |\n|---|\n| ${text} |`,
  (text) => JSON.stringify({ note: { priority: 'high', body: text } }),
  // Mathematical letters, letters in circles, accents upon letters.
  (text) => text.replace(/[a-z]/g, (letter) => String.fromCodePoint(0x1d41a + letter.charCodeAt(0) - 0x61)),
  (text) => text.replace(/[a-z]/g, (letter) => String.fromCodePoint(0x24d0 + letter.charCodeAt(0) - 0x61)),
  (text, random) => Array.from(text, (letter) => (random() < 0.3 ? `${letter}\u0301` : letter)).join(''),
  // Base64 in lines, twice, and without its padding.
  (text) => Buffer.from(text).toString('base64').replace(/.{40}/g, '$&\n'),
  (text) => Buffer.from(Buffer.from(text).toString('base64')).toString('base64'),
  (text) => `data:text/plain;base64,${Buffer.from(text).toString('base64url')}`,
];

function otherWords(text: string, random: Random): string {
  let changed = text;
  for (const words of SYNONYMS) {
    const pattern = new RegExp(`\\b(?:${words.join('|')})\\b`, 'gi');
    changed = changed.replace(pattern, (word) => (random() < 0.5 ? pick(words, random) : word));
  }
  return changed;
}

type Place = (benign: string, text: string) => JsonObject;

const PLACES: readonly Place[] = [
  (benign, text) => definition(`${benign} ${text}`),
  (benign, text) => definition(`${benign}\n\n${text}\n\n${benign}`),
  (_benign, text) => definition(text),
  (benign, text) => definition(benign, { description: text }),
  (benign, text) => definition(benign, { default: text }),
  (benign, text) => definition(benign, { enum: ['fast', text] }),
  (benign, text) => ({ ...definition(benign), title: text }),
  (benign, text) => ({
    ...definition(benign),
    outputSchema: { type: 'object', properties: { result: { description: text } } },
  }),
  (benign, text) => ({ ...definition(benign), annotations: { title: text } }),
];

function definition(description: string, property: JsonObject = {}): JsonObject {
  return {
    name: 'lookup',
    description,
    inputSchema: { type: 'object', properties: { query: { type: 'string', ...property } } },
  };
}

/** A poisoned definition made of one of the attacks. */
export function mutated(
  attacks: readonly string[],
  random: Random,
  disguises: readonly Disguise[] = DISGUISES,
): JsonObject {
  const words = otherWords(pick(attacks, random), random);
  return pick(PLACES, random)(pick(BENIGN, random), pick(disguises, random)(words, random));
}

/** Definitions in which there is nothing. */
export function benignDefinitions(): readonly JsonObject[] {
  return BENIGN.map((text) => definition(text));
}
