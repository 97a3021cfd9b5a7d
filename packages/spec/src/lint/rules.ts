/**
 * The linter's rules under DinCoder's ids, and those of markdownlint that a specification needs. A rule finds; which findings can
 * be mended without changing the meaning is in fix.ts. Prose rules read English.
 */
import { type Outline, outlineOf, sectionOf } from '../grammar/markdown.ts';
import { parseSpec, type Spec } from '../grammar/spec.ts';
import type { LintConfig, LintSeverity } from './config.ts';

export interface LintFinding {
  readonly rule: string;
  readonly severity: Exclude<LintSeverity, 'off'>;
  readonly line: number;
  readonly message: string;
  readonly fixable: boolean;
}

interface Text {
  readonly raw: readonly string[];
  readonly outline: Outline;
  readonly spec: Spec;
  readonly config: LintConfig;
}

type Found = readonly { readonly line: number; readonly message: string; readonly fixable?: boolean }[];

interface Rule {
  readonly id: string;
  readonly severity: LintSeverity;
  readonly find: (text: Text) => Found;
}

const onLines =
  (test: (line: string) => string | undefined, fixable = false) =>
  ({ outline }: Text): Found =>
    outline.lines.flatMap(({ text, code, number }) => {
      const message = code || text.trim() === '' ? undefined : test(text);
      return message === undefined ? [] : [{ line: number, message, fixable }];
    });

/** Sentences of running text, with the line they begin in. */
function sentences({ outline }: Text): { text: string; line: number }[] {
  return outline.lines.flatMap(({ text, code, number }) =>
    code || /^\s*(?:#|\||>|\*\*[^*]+\*\*:?\s*$)/.test(text)
      ? []
      : text
          .split(/(?<=[.!?])\s+/)
          .filter((part) => part.trim() !== '')
          .map((part) => ({ text: part, line: number })),
  );
}

const fences = ({ outline }: Text): { line: number; info: string }[] =>
  outline.lines.flatMap(({ text, code, number }, index) => {
    const opens = code && outline.lines[index - 1]?.code !== true;
    return opens ? [{ line: number, info: text.replace(/^ {0,3}(?:`+|~+)/, '').trim() }] : [];
  });

const VAGUE =
  /\b(?:some|several|various|many|appropriate(?:ly)?|as needed|fast|easy|easily|simple|simply|user-friendly|robust|intuitive|efficient(?:ly)?|etc\.?)\b/i;
const PASSIVE = /\b(?:is|are|was|were|be|been|being)\s+(?:\w+ly\s+)?\w{3,}(?:ed|wn|pt|ought)\b(?!\s+to\b)/i;
const LONGEST_SENTENCE = 40;

const MARKDOWN: readonly Rule[] = [
  {
    id: 'MD001',
    severity: 'warning',
    find: ({ outline }) =>
      outline.headings.flatMap(({ level, line }, index) => {
        const before = outline.headings[index - 1]?.level ?? 0;
        return level > before + 1 && index > 0 ? [{ line, message: 'A heading skips a level.' }] : [];
      }),
  },
  {
    id: 'MD009',
    severity: 'warning',
    find: ({ raw }) =>
      raw.flatMap((line, index) => {
        const spaces = /[ \t]+$/.exec(line)?.[0];
        // Two spaces are a line break of Markdown.
        return spaces === undefined || spaces === '  '
          ? []
          : [{ line: index + 1, message: 'Spaces at the end of the line.', fixable: true }];
      }),
  },
  {
    id: 'MD010',
    severity: 'warning',
    find: onLines((line) => (line.includes('\t') ? 'A tab; use spaces.' : undefined), true),
  },
  {
    id: 'MD012',
    severity: 'warning',
    find: ({ outline }) =>
      outline.lines.flatMap(({ text, code, number }, index) => {
        const before = outline.lines[index - 1];
        const isLast = number === outline.lines.length;
        const twice = !code && text.trim() === '' && before?.text.trim() === '' && !before.code && !isLast;
        return twice ? [{ line: number, message: 'More than one blank line.', fixable: true }] : [];
      }),
  },
  {
    id: 'MD025',
    severity: 'warning',
    find: ({ outline }) =>
      outline.headings
        .filter(({ level }) => level === 1)
        .slice(1)
        .map(({ line }) => ({ line, message: 'A second title.' })),
  },
  {
    id: 'MD047',
    severity: 'warning',
    find: ({ raw }) =>
      raw.at(-1) === ''
        ? []
        : [{ line: raw.length, message: 'The file does not end with a line break.', fixable: true }],
  },
];

const SPECIFICATION: readonly Rule[] = [
  {
    id: 'spec-required-section',
    severity: 'error',
    find: ({ outline, config }) =>
      config.requiredSections
        .filter((title) => sectionOf(outline, title.toLowerCase()) === undefined)
        .map((title) => ({ line: 0, message: `The section "${title}" is missing.` })),
  },
  {
    id: 'spec-acceptance-format',
    severity: 'warning',
    find: ({ spec }) =>
      spec.problems
        .filter(({ rule }) => rule === 'spec.scenario-form' || rule === 'spec.story-scenarios')
        .map(({ line, message }) => ({ line, message })),
  },
  {
    id: 'spec-code-block-language',
    severity: 'warning',
    find: (text) =>
      fences(text)
        .filter(({ info }) => info === '')
        .map(({ line }) => ({ line, message: 'This code block names no language.', fixable: true })),
  },
  {
    id: 'dincoder-clarification-format',
    severity: 'error',
    find: onLines((line) =>
      /\[NEEDS CLARIFICATION(?!: ?[^\s\]])/i.test(line) || /\[needs clarification/.test(line)
        ? 'Write [NEEDS CLARIFICATION: the question].'
        : undefined,
    ),
  },
  {
    id: 'dincoder-zod-validation',
    severity: 'info',
    find: onLines((line) =>
      /\b(?:input|parameter|argument|payload)s?\b[^.]*\bvalidat/i.test(line) && !/\bzod\b|\bschema\b|\d/i.test(line)
        ? 'Says that input is validated, but not by which schema or limits.'
        : undefined,
    ),
  },
  {
    id: 'dincoder-edge-case-format',
    severity: 'info',
    find: ({ spec }) =>
      spec.edgeCases
        .filter(({ text }) => !/\?$|→|->|:|\b(?:when|if)\b/i.test(text))
        .map(({ line }) => ({ line, message: 'An edge case asks "What happens when …?", or says what does.' })),
  },
];

const PROSE: readonly Rule[] = [
  {
    id: 'prose-passive-voice',
    severity: 'info',
    find: (text) =>
      sentences(text)
        .filter((one) => PASSIVE.test(one.text))
        .map(({ line }) => ({ line, message: 'Passive: say who does it.' })),
  },
  {
    id: 'prose-vague-language',
    severity: 'warning',
    find: (text) =>
      sentences(text).flatMap((one) => {
        const word = VAGUE.exec(one.text)?.[0];
        return word === undefined
          ? []
          : [{ line: one.line, message: `"${word}" is vague: name a number or an example.` }];
      }),
  },
  {
    id: 'prose-ambiguous-pronoun',
    severity: 'info',
    find: (text) =>
      sentences(text)
        .filter((one) =>
          /^(?:[-*] )?(?:It|This|That|They|These|Those)\s+(?:is|are|was|will|should|must|can|may)\b/.test(one.text),
        )
        .map(({ line }) => ({ line, message: 'The sentence begins with a pronoun: name what is meant.' })),
  },
  {
    id: 'prose-sentence-complexity',
    severity: 'info',
    find: (text) =>
      sentences(text)
        .filter((one) => one.text.split(/\s+/).length > LONGEST_SENTENCE)
        .map(({ line }) => ({ line, message: `A sentence of more than ${LONGEST_SENTENCE} words: make two of it.` })),
  },
];

const LINT_RULES: readonly Rule[] = [...MARKDOWN, ...SPECIFICATION, ...PROSE];

/** By line, then rule. */
export function lintText(text: string, config: LintConfig): readonly LintFinding[] {
  const material = { raw: text.split(/\r?\n/), outline: outlineOf(text), spec: parseSpec(text), config };
  const found: LintFinding[] = [];
  for (const { id, severity, find } of LINT_RULES) {
    const level = config.severity(id, severity);
    if (level === 'off' || !config.isOn(id)) continue;
    for (const { line, message, fixable = false } of find(material))
      found.push({ rule: id, severity: level, line, message, fixable });
  }
  return found.toSorted((a, b) => a.line - b.line || (a.rule < b.rule ? -1 : 1));
}
