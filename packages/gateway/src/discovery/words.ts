/**
 * Text as the words that it is searched by: identifiers are split, words become stems, and scripts that are written without
 * spaces become pairs of characters. Pure. What words weigh is not known here.
 */

import { spelled } from './spelling.ts';
import { stem } from './stem.ts';

/** A run of letters and digits, of scripts that put spaces between words or of those that do not. */
const RUN =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]+|[[\p{L}\p{M}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]]+/gv;
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/v;
/** Parts of an identifier: `getHTMLPage2` is get, HTML, Page, 2. */
const PART = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{Lo}\p{Lm}\p{Lt}\p{M}]+|\p{N}+|\p{Lu}/gu;
/** A longer word says nothing that anybody would look for. */
const MAX_WORD = 40;
/** Characters that a short text may have beyond twice its own, in its plain form. */
const ROOM = 100;
/** Words whose stem is remembered. */
const MAX_STEMS = 50_000;

const STOP: ReadonlySet<string> = new Set(
  (
    'a an and are as at be been being but by can could did do does for from had has have help her his how i if in into is it its ' +
    'just let me my of on or our please should so some such than that the their them then there these they this those to us ' +
    'using want was we were what when where which who whom why will with would you your need needs like about also via i’d i’m tell give know now currently moment very much many any really because else something someone out up off often much ' +
    'one two three four five six seven eight nine ten'
  ).split(' '),
);

/** Remembers the stems that it made: most texts use the same few thousand words. */
export class Words {
  #stems: Map<string, string> = new Map();

  /** In order, words of no meaning left out; a word that is written in parts also as a whole. */
  of(text: string): string[] {
    const words: string[] = [];
    // One character can become eighteen: who bounds a text has bounded what is made of it.
    const plain = text.normalize('NFKC').slice(0, text.length * 2 + ROOM);
    for (const run of plain.match(RUN) ?? []) {
      if (UNSPACED.test(run)) addPairs(words, run);
      else this.#addParts(words, run);
    }
    return words;
  }

  #addParts(words: string[], run: string): void {
    const parts = /^(?:\p{Ll}+|\p{Lu}\p{Ll}*)$/u.test(run) ? [run] : (run.match(PART) ?? []);
    for (const part of parts) this.#add(words, part);
    if (parts.length > 1 && parts.length < 5) this.#add(words, run);
  }

  #add(words: string[], written: string): void {
    const word = written.toLowerCase();
    if (word.length > MAX_WORD || STOP.has(word)) return;
    let made = this.#stems.get(word);
    if (made === undefined) {
      made = stem(spelled(word));
      if (this.#stems.size >= MAX_STEMS) this.#stems = new Map();
      this.#stems.set(word, made);
    }
    words.push(made);
  }
}

function addPairs(words: string[], run: string): void {
  const characters = Array.from(run);
  if (characters.length === 1) words.push(run);
  for (let at = 1; at < characters.length; at++) words.push(`${characters[at - 1]}${characters[at]}`);
}
