/**
 * What DinCoder's tools make out of short arguments: a constitution of sentences, the beginning of a plan, a first list of
 * tasks. The list is drawn from the specification's own stories and requirements; there are no samples in it.
 */
import type { Principle } from '../grammar/constitution.ts';
import type { Entity } from '../grammar/design.ts';
import type { Requirement, Spec, Story } from '../grammar/spec.ts';
import { similarity, wordsOf } from '../analyze/words.ts';

const ROMAN = 'I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX'.split(' ');

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();
/** Brackets would look like what a template left over. */
const plain = (text: string): string => oneLine(text).replaceAll('[', '(').replaceAll(']', ')');

export interface ConstitutionWords {
  readonly projectName: string;
  readonly principles: readonly string[];
  readonly constraints: readonly string[];
  readonly preferences?: {
    readonly libraries?: readonly string[];
    readonly patterns?: readonly string[];
    readonly style?: string;
  };
}

function principleOf(said: string, index: number): string {
  const [, name, rest] = /^([^:.]{3,60})[:.]\s+(\S.*)$/s.exec(plain(said)) ?? [];
  const title = name ?? plain(said).slice(0, 60);
  return `### ${ROMAN[index] ?? index + 1}. ${title}\n\n${rest ?? `The project MUST keep to this: ${plain(said)}`}\n`;
}

export function constitutionText(
  words: ConstitutionWords,
  dates: { version: string; ratified: string; amended: string },
): string {
  const { libraries = [], patterns = [], style = '' } = words.preferences ?? {};
  const preferences = [
    ...libraries.map((name) => `- Library: ${plain(name)}`),
    ...patterns.map((name) => `- Pattern: ${plain(name)}`),
    ...(style === '' ? [] : [`- Style: ${plain(style)}`]),
  ];
  const bullets = (lines: readonly string[]): string => (lines.length === 0 ? 'None are set.' : lines.join('\n'));
  return [
    `# ${plain(words.projectName)} Constitution\n`,
    '## Core Principles\n',
    ...words.principles.map(principleOf),
    `## Constraints\n\n${bullets(words.constraints.map((said) => `- ${plain(said)}`))}\n`,
    `## Preferences\n\n${bullets(preferences)}\n`,
    '## Governance\n\nA change needs a reason, a review and a new version. Every plan MUST show how it keeps to each principle.\n',
    `**Version**: ${dates.version} | **Ratified**: ${dates.ratified} | **Last Amended**: ${dates.amended}\n`,
  ].join('\n');
}

/** The plan's template with what is known filled in: names, the constraints as given, a gate for every principle. */
export function planDraft(
  template: string,
  known: { feature: string; title: string; today: string; constraints: string; principles: readonly Principle[] },
): string {
  const gates = known.principles.map(({ name }) => `- ${name}: [PASS, or FAIL with a row in Complexity Tracking]`);
  return template
    .replaceAll('[FEATURE]', known.title)
    .replaceAll('[###-feature-name]', known.feature)
    .replaceAll('[###-feature]', known.feature)
    .replaceAll('[DATE]', known.today)
    .replaceAll('[link]', '[spec.md](spec.md)')
    .replace(/^\*\*Constraints\*\*:.*$/m, () => `**Constraints**: ${plain(known.constraints)}`)
    .replace(/^- \[Principle of the constitution\].*$/m, (line) => (gates.length === 0 ? line : gates.join('\n')));
}

/** The story whose words a requirement shares most; the first when it shares none. */
function storyFor(requirement: Requirement, stories: readonly Story[]): Story | undefined {
  const words = wordsOf(requirement.text);
  let best: { story: Story | undefined; score: number } = { story: stories[0], score: 0 };
  for (const story of stories) {
    const said = [story.title, story.text, ...story.scenarios.map(({ text }) => text)].join(' ');
    const score = similarity(words, wordsOf(said));
    if (score > best.score) best = { story, score };
  }
  return best.story;
}

/** A list that keeps to the grammar: setup, entities, then a phase per story with its requirements, then polish. */
export function tasksDraft(spec: Spec, entities: readonly Entity[], feature: string, scope: string): string {
  let last = 0;
  const task = (labels: string, text: string): string => {
    last += 1;
    return `- [ ] T${String(last).padStart(3, '0')} ${labels}${plain(text)}`;
  };
  const stories = spec.stories.toSorted((a, b) => (a.priority ?? 99) - (b.priority ?? 99) || a.number - b.number);
  const served = Map.groupBy(spec.requirements, (requirement) => storyFor(requirement, stories)?.number);
  const lines = [
    `# Tasks: ${spec.title}`,
    '',
    `**Input**: Design documents from \`specs/${feature}/\``,
    '**Prerequisites**: plan.md, spec.md',
    `**Scope**: ${plain(scope)}`,
    '',
    '## Phase 1: Setup (Shared Infrastructure)',
    '',
    task('', 'Create the folders that plan.md names under Project Structure'),
    task('', 'Set up the tools that plan.md names under Technical Context'),
    '',
    '## Phase 2: Foundational (Blocking Prerequisites)',
    '',
    ...(entities.length === 0 ? [task('', 'Create what every story needs, by plan.md')] : []),
    ...entities.map(({ name, fields }) =>
      task('[P] ', `Create the entity ${name} of data-model.md (${fields.length} fields)`),
    ),
  ];
  for (const [index, story] of stories.entries()) {
    const priority = story.priority === undefined ? '' : ` (Priority: P${story.priority})`;
    lines.push('', `## Phase ${index + 3}: User Story ${story.number} - ${story.title}${priority}`, '');
    if (story.independentTest !== '') lines.push(`**Independent Test**: ${story.independentTest}`, '');
    const label = `[US${story.number}] `;
    for (const { id, text } of served.get(story.number) ?? []) lines.push(task(label, `Fulfil ${id}: ${text}`));
    for (const [number, { text }] of story.scenarios.entries()) {
      lines.push(task(label, `Show that US${story.number}/AC${number + 1} holds: ${text.replaceAll('**', '')}`));
    }
  }
  lines.push('', `## Phase ${stories.length + 3}: Polish & Cross-Cutting Concerns`, '');
  for (const { id, text } of spec.criteria) lines.push(task('', `Measure ${id}: ${text}`));
  lines.push(task('', 'Walk through quickstart.md'), '');
  return lines.join('\n');
}
