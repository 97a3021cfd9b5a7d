/** What the linter looks for: DinCoder's `.dincoder/lint.json` and arguments, read leniently, with its defaults. */
import { fieldsOf, isFields } from '../layout/json.ts';

export type LintSeverity = 'error' | 'warning' | 'info' | 'off';

export interface LintConfig {
  /** Whether a rule runs. */
  isOn(rule: string): boolean;
  severity(rule: string, usual: LintSeverity): LintSeverity;
  /** Titles of sections that must be there. */
  readonly requiredSections: readonly string[];
}

/** The sections of today's template, not those of an older one. */
const REQUIRED_SECTIONS: readonly string[] = ['User Scenarios & Testing', 'Requirements', 'Success Criteria'];

/** Where a rule is switched in the configuration. */
const SWITCHES: Readonly<Record<string, readonly [group: string, name: string]>> = {
  'spec-required-section': ['specRules', 'requiredSections'],
  'spec-acceptance-format': ['specRules', 'acceptanceCriteria'],
  'spec-code-block-language': ['specRules', 'codeBlocks'],
  'prose-passive-voice': ['proseRules', 'passiveVoice'],
  'prose-vague-language': ['proseRules', 'vagueLanguage'],
  'prose-ambiguous-pronoun': ['proseRules', 'ambiguousPronouns'],
  'prose-sentence-complexity': ['proseRules', 'sentenceComplexity'],
  'dincoder-clarification-format': ['customRules', 'clarificationFormat'],
  'dincoder-zod-validation': ['customRules', 'zodValidation'],
  'dincoder-edge-case-format': ['customRules', 'edgeCaseFormat'],
};

const isOff = (value: unknown): boolean =>
  value === false || value === 'off' || (isFields(value) && value['enabled'] === false);

const isSeverity = (value: unknown): value is LintSeverity =>
  value === 'error' || value === 'warning' || value === 'info' || value === 'off';

/** Later ones win, group by group. */
export function lintConfig(...sources: readonly unknown[]): LintConfig {
  const all = sources.map(fieldsOf);
  const group = (name: string): Readonly<Record<string, unknown>> =>
    Object.assign({}, ...all.map((source) => fieldsOf(source[name]))) as Record<string, unknown>;
  const overrides = group('severityOverrides');
  const markdown = group('markdownlint');
  const rules = fieldsOf(markdown['config']);
  const listed = group('specRules')['requiredSections'];
  const titles = Array.isArray(listed) ? listed : fieldsOf(listed)['sections'];
  return {
    requiredSections: Array.isArray(titles) ? titles.filter((title) => typeof title === 'string') : REQUIRED_SECTIONS,
    isOn(rule) {
      if (overrides[rule] === 'off') return false;
      if (rule.startsWith('MD')) return markdown['enabled'] !== false && !isOff(rules[rule]);
      const place = SWITCHES[rule];
      return place === undefined || !isOff(group(place[0])[place[1]]);
    },
    severity(rule, usual) {
      const said = overrides[rule];
      return isSeverity(said) ? said : usual;
    },
  };
}
