/**
 * Finds what a template left in a finished artifact: its bracketed tokens, samples and open marks. A bracket that the template
 * does not have is the author's own, so links, labels and citations are never mistaken for one.
 */
import type { Problem } from '../errors.ts';
import { type Outline, outlineOf } from './markdown.ts';

/** Labels that belong to the grammars themselves. */
const LABEL =
  /^(?:P|P\?|Story\??|ID|x|X|~| |US\d+|Gap|Ambiguity|Conflict|Assumption|Completeness|Clarity|Consistency|Coverage|Measurability|Spec §.*|NEEDS CLARIFICATION.*|CLARIFICATION RESOLVED.*)$/;
const TOKEN = /\[([^[\]\n]{1,200})\](?!\()/g;

interface Token {
  readonly token: string;
  readonly line: number;
}

/** The tokens that are looked for. Lines of one file hold the same few: each is looked at once. */
function tokensOf(outline: Outline, isWanted: (token: string) => boolean): readonly Token[] {
  const wanted = new Map<string, boolean>();
  const found: Token[] = [];
  for (const { text, number } of outline.lines) {
    if (!text.includes('[')) continue;
    for (const match of text.match(TOKEN) ?? []) {
      const token = match.slice(1, -1);
      let isOne = wanted.get(token);
      if (isOne === undefined) wanted.set(token, (isOne = !LABEL.test(token) && isWanted(token)));
      if (isOne) found.push({ token, line: number });
    }
  }
  return found;
}

/** The tokens a template asks to be replaced. */
export function templateTokens(template: string): ReadonlySet<string> {
  return new Set(tokensOf(outlineOf(template), () => true).map(({ token }) => token));
}

const CAPITALS = /^(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|###-feature(?:-name)?|FEATURE(?: NAME)?|DATE)$/;

/** Tokens in capitals are leftovers whatever the template; those of the template are leftovers word by word. */
export function leftoverProblems(outline: Outline, kind: string, tokens: ReadonlySet<string> = new Set()): Problem[] {
  return tokensOf(outline, (token) => tokens.has(token) || CAPITALS.test(token)).map(({ token, line }) => ({
    rule: `${kind}.leftover`,
    line,
    message: `"[${token}]" is left over from the template. Replace it, or remove the line.`,
    severity: 'error',
  }));
}

/** The open questions of an artifact: `[NEEDS CLARIFICATION: …]`. */
export function clarificationMarks(outline: Outline): { question: string; line: number }[] {
  const marks: { question: string; line: number }[] = [];
  for (const { text, number, code } of outline.lines) {
    if (code) continue;
    for (const [, question = ''] of text.matchAll(/\[NEEDS CLARIFICATION(?::\s*([^\]]{0,1000}))?\]/g)) {
      marks.push({ question: question.trim(), line: number });
    }
  }
  return marks;
}
