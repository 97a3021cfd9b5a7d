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

function* tokensOf(outline: Outline): Generator<{ token: string; line: number }> {
  for (const { text, number } of outline.lines) {
    if (!text.includes('[')) continue;
    for (const [, token = ''] of text.matchAll(TOKEN)) {
      if (!LABEL.test(token)) yield { token, line: number };
    }
  }
}

/** The tokens a template asks to be replaced. */
export function templateTokens(template: string): ReadonlySet<string> {
  return new Set(Array.from(tokensOf(outlineOf(template)), ({ token }) => token));
}

/** Tokens in capitals are leftovers whatever the template; those of the template are leftovers word by word. */
export function leftoverProblems(outline: Outline, kind: string, tokens: ReadonlySet<string> = new Set()): Problem[] {
  const problems: Problem[] = [];
  for (const { token, line } of tokensOf(outline)) {
    if (
      !tokens.has(token) &&
      !/^(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|###-feature(?:-name)?|FEATURE(?: NAME)?|DATE)$/.test(token)
    ) {
      continue;
    }
    problems.push({
      rule: `${kind}.leftover`,
      line,
      message: `"[${token}]" is left over from the template. Replace it, or remove the line.`,
      severity: 'error',
    });
  }
  return problems;
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
