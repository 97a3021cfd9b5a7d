/**
 * Hidden instructions in texts of a server: how they are disguised, and what they say. It names what it finds and decides nothing.
 * It finds what is known to be written, not what a text means: a hint, no proof.
 */

import { isObject, type JsonValue } from '@sallyport/wire';
import { encodedTexts, isImitation, undisguised } from './disguise.ts';
import { PHRASES } from './phrases.ts';
import type { Phrase } from './vocabulary.ts';

export type InjectionKind = Phrase['kind'] | 'invisible' | 'tags' | 'bidi' | 'homoglyphs' | 'encoded' | 'oversized';

/** Characters of all texts of one definition that are read; more of them are a finding. */
const MAX_TEXT = 64 * 1024;
/** Of other texts, which are read in passages of so many. */
export const MAX_PASSAGE: number = 32 * 1024;
/** Texts inside texts. */
const MAX_LAYERS = 2;

/** What is found in a text, each kind once. */
export function inspectText(text: string, layers: number = MAX_LAYERS): InjectionKind[] {
  const { bare, found, text: plain } = undisguised(text);
  const kinds = new Set<InjectionKind>([...found, ...said(plain)]);
  if (bare !== undefined) for (const kind of said(bare)) kinds.add(kind);
  if (layers > 0 && encodedTexts(text).some((inner) => inspectText(inner, layers - 1).length > 0)) kinds.add('encoded');
  return [...kinds];
}

function said(plain: string): InjectionKind[] {
  const phrases = PHRASES.filter(({ pattern }) => pattern.test(plain));
  return phrases.length > 1 || phrases.some(({ isSure }) => isSure) ? phrases.map(({ kind }) => kind) : [];
}

/** A definition of a tool, prompt, resource or template, with all texts in it. */
export function inspectDefinition(definition: JsonValue): InjectionKind[] {
  const texts: string[] = [];
  let left = MAX_TEXT;
  for (const text of textsOf(definition)) {
    if (left <= 0) break;
    texts.push(text.slice(0, left));
    left -= text.length;
  }
  const kinds = new Set(inspectText(texts.join(' \n')));
  if (left < 0) kinds.add('oversized');
  const name = isObject(definition) ? definition['name'] : undefined;
  if (typeof name === 'string' && isImitation(name)) kinds.add('homoglyphs');
  return [...kinds];
}

/** Every text in a value, names of members too, without calling itself. */
export function* textsOf(value: JsonValue): Generator<string> {
  const open: JsonValue[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === 'string') yield next;
    else if (typeof next === 'object' && next !== null) {
      const members = Object.entries(next).toReversed();
      for (const [name, member] of members) open.push(...(Array.isArray(next) ? [] : [name]), member as JsonValue);
    }
  }
}
