import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SPEC } from '../testing/sample.ts';
import { lintConfig } from './config.ts';
import { fixText } from './fix.ts';
import { lintText } from './rules.ts';

const usual = lintConfig({});
const found = (text: string, config = usual): string[] =>
  lintText(text, config).map(({ rule, line }) => `${line} ${rule}`);

describe('the linter', () => {
  it('finds nothing wrong with the form of a whole specification', () => {
    expect(lintText(SPEC, usual).filter(({ severity }) => severity !== 'info')).toEqual([]);
  });

  it.each([
    ['1 MD009', `# Feature Specification: x   \n${SPEC.slice(SPEC.indexOf('\n') + 1)}`],
    ['2 MD012', SPEC.replace('\n\n', '\n\n\n').replace('Feature Specification', 'Feature Specification')],
    ['61 MD047', SPEC.trimEnd()],
    ['0 spec-required-section', SPEC.replace('## Success Criteria *(mandatory)*', '## Success')],
    [
      '18 dincoder-clarification-format',
      SPEC.replace(
        '**Independent Test**: Write a note and read it back.',
        '**Independent Test**: [NEEDS CLARIFICATION]',
      ),
    ],
    ['61 spec-code-block-language', `${SPEC}\`\`\`\nx\n\`\`\`\n`],
    ['59 prose-vague-language', SPEC.replace('Members are known already.', 'It is fast and robust.')],
    ['59 prose-ambiguous-pronoun', SPEC.replace('Members are known already.', 'It is known already.')],
  ])('%s', (rule, text) => {
    expect(text).not.toBe(SPEC);
    expect(found(text).some((one) => one.endsWith(rule.split(' ')[1] ?? ''))).toBe(true);
    expect(found(SPEC).some((one) => one.endsWith(rule.split(' ')[1] ?? ''))).toBe(false);
  });

  it('takes the mark that clarify_add writes', () => {
    expect(
      found(SPEC.replace('Members are known', '[NEEDS CLARIFICATION: CLARIFY-001: who?] Members are known')),
    ).toEqual(found(SPEC));
  });

  it('is switched as .dincoder/lint.json says', () => {
    const text = `${SPEC}\`\`\`\nx\n\`\`\`\n`;
    const rule = 'spec-code-block-language';
    expect(found(text, lintConfig({ specRules: { codeBlocks: false } })).join()).not.toContain(rule);
    expect(
      lintText(text, lintConfig({ severityOverrides: { [rule]: 'error' } })).find((one) => one.rule === rule)?.severity,
    ).toBe('error');
    expect(found('# x\n', lintConfig({ specRules: { requiredSections: ['Own'] } }))).toEqual([
      '0 spec-required-section',
    ]);
    expect(
      found('# x\t \n\n\n\ny', lintConfig({ markdownlint: { enabled: false }, specRules: { requiredSections: [] } })),
    ).toEqual([]);
  });

  it('mends no words, and keeps the line ends', () => {
    const piece = fc.constantFrom('a word', '  two  ', '\t', '', '```', '```js', '# T', '- x  ', '   ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.constantFrom('\n', '\r\n'), (lines, eol) => {
        const text = lines.join(eol);
        const fixed = fixText(text, lintText(text, usual));
        const words = (one: string): string => one.replaceAll('```text', '```').replaceAll(/\s+/g, '');
        expect(words(fixed)).toBe(words(text));
        const rest = text.includes(eol) ? fixed.split(eol).join('') : '';
        expect(rest).not.toMatch(/[\r\n]/);
      }),
      { numRuns: 200 },
    );
  });
});
