/**
 * The grammar of `spec.md` (spec-kit 1.0): header fields, prioritised user stories with scenarios, requirements `FR-001`,
 * success criteria `SC-001`, entities, edge cases, assumptions, clarifications. Parsing always answers a model; what breaks a
 * rule is listed beside it, so a file written by hand can be read even when it could not be written by a tool.
 */
import type { Problem } from '../errors.ts';
import { clarificationMarks, leftoverProblems } from './leftovers.ts';
import {
  type Heading,
  headingsIn,
  type Item,
  itemsIn,
  type Outline,
  outlineOf,
  proseOf,
  sectionOf,
} from './markdown.ts';

export interface Scenario {
  readonly line: number;
  readonly text: string;
}

export interface Story {
  readonly number: number;
  readonly title: string;
  /** The n of Pn; undefined when the heading names none. */
  readonly priority: number | undefined;
  readonly line: number;
  readonly end: number;
  readonly text: string;
  readonly why: string;
  readonly independentTest: string;
  readonly scenarios: readonly Scenario[];
}

/** A requirement or criterion with its id. */
export interface Requirement {
  readonly id: string;
  readonly text: string;
  readonly line: number;
}

export interface Spec {
  readonly title: string;
  readonly stories: readonly Story[];
  readonly requirements: readonly Requirement[];
  readonly criteria: readonly Requirement[];
  readonly entities: readonly { readonly name: string; readonly text: string; readonly line: number }[];
  readonly edgeCases: readonly Item[];
  readonly assumptions: readonly Item[];
  /** The bullets of `## Clarifications`, with the session they stand under. */
  readonly clarifications: readonly { readonly session: string; readonly text: string; readonly line: number }[];
  readonly marks: readonly { readonly question: string; readonly line: number }[];
  readonly outline: Outline;
  readonly problems: readonly Problem[];
}

const error = (rule: string, line: number, message: string): Problem => ({
  rule: `spec.${rule}`,
  line,
  message,
  severity: 'error',
});
const warning = (rule: string, line: number, message: string): Problem => ({
  ...error(rule, line, message),
  severity: 'warning',
});

const STORY = /^User Story (\d{1,4})\s*[-–—:]\s*(.*?)\s*(?:\(Priority:\s*P(\d{1,2})\))?[^)\p{L}\p{N}]*(?:MVP)?$/u;
const MOST_MARKS = 3;

function labelled(outline: Outline, from: number, to: number, label: string): string {
  const starts = [`**${label}**`, `**${label}:**`];
  const at = outline.lines
    .slice(from, to)
    .findIndex(({ text }) => starts.some((start) => text.toLowerCase().startsWith(start)));
  if (at === -1) return '';
  const rest = outline.lines.slice(from + at, to).map(({ text }) => text);
  const end = rest.findIndex((text, index) => index > 0 && (text.trim() === '' || text.startsWith('**')));
  return rest
    .slice(0, end === -1 ? rest.length : end)
    .join(' ')
    .replace(/^\*\*[^*]+\*\*:?/, '')
    .trim();
}

function storyOf(outline: Outline, heading: Heading): Story | undefined {
  const found = STORY.exec(heading.title);
  if (found === null) return undefined;
  const scenarios = itemsIn(outline, heading.line, heading.end)
    .filter(({ text }) => /\*\*Given\*\*|^Given\b/i.test(text))
    .map(({ line, text }) => ({ line, text }));
  const prose = proseOf(outline, heading.line, heading.end);
  const label = prose.search(/^\*\*/m);
  return {
    number: Number(found[1]),
    title: found[2] ?? '',
    priority: found[3] === undefined ? undefined : Number(found[3]),
    line: heading.line,
    end: heading.end,
    text: (label === -1 ? prose : prose.slice(0, label)).trim(),
    why: labelled(outline, heading.line, heading.end, 'why this priority'),
    independentTest: labelled(outline, heading.line, heading.end, 'independent test'),
    scenarios,
  };
}

function storyProblems(story: Story, index: number): Problem[] {
  const problems: Problem[] = [];
  const name = `User Story ${story.number}`;
  if (story.number !== index + 1) {
    problems.push(
      error(
        'story-number',
        story.line,
        `This is story ${index + 1}, but its heading says ${story.number}. Number the stories in order.`,
      ),
    );
  }
  if (story.priority === undefined) {
    problems.push(
      error('story-priority', story.line, `${name} has no priority. End its heading with "(Priority: P1)".`),
    );
  }
  if (story.scenarios.length === 0) {
    const how = 'Add "1. **Given** …, **When** …, **Then** …" under **Acceptance Scenarios**.';
    problems.push(error('story-scenarios', story.line, `${name} has no acceptance scenario. ${how}`));
  }
  for (const { line, text } of story.scenarios) {
    if (/given[\s\S]*\bwhen\b[\s\S]*\bthen\b/i.test(text)) continue;
    problems.push(error('scenario-form', line, `A scenario of ${name} lacks Given, When or Then, in this order.`));
  }
  if (story.why === '') problems.push(warning('story-why', story.line, `${name} does not say **Why this priority**.`));
  if (story.independentTest === '') {
    problems.push(warning('story-test', story.line, `${name} names no **Independent Test**.`));
  }
  return problems;
}

function storiesOf(outline: Outline, problems: Problem[]): Story[] {
  const stories: Story[] = [];
  for (const heading of outline.headings) {
    if (!/^user story\b/i.test(heading.title)) continue;
    const story = storyOf(outline, heading);
    if (story === undefined) {
      const how = 'Write "### User Story 1 - Title (Priority: P1)".';
      problems.push(error('story-heading', heading.line, `This heading of a story cannot be read. ${how}`));
      continue;
    }
    problems.push(...storyProblems(story, stories.length));
    stories.push(story);
  }
  return stories;
}

const REQUIREMENT = /^\*{0,2}((?:FR|NFR|SC)-\d{3,5})\*{0,2}:?\*{0,2}\s*([\s\S]*)$/;

function requirementsOf(
  outline: Outline,
  section: Heading | undefined,
  prefix: string,
  problems: Problem[],
): Requirement[] {
  if (section === undefined) return [];
  const found: Requirement[] = [];
  for (const { text, line, indent } of itemsIn(outline, section.line, section.end)) {
    const parts = REQUIREMENT.exec(text);
    const id = parts?.[1];
    if (id === undefined) {
      if (indent === 0) {
        problems.push(
          error(
            'requirement-form',
            line,
            `A bullet of "${section.title}" has no id. Begin it with "- **${prefix}-001**: …".`,
          ),
        );
      }
      continue;
    }
    const body = (parts?.[2] ?? '').trim();
    if (body === '') problems.push(error('requirement-empty', line, `${id} says nothing.`));
    const twin = found.find((other) => other.id === id);
    if (twin !== undefined) problems.push(error('duplicate-id', line, `${id} stands in line ${twin.line} already.`));
    found.push({ id, text: body, line });
  }
  if (found.length === 0) {
    problems.push(
      error('requirement-missing', section.line, `"${section.title}" lists none. Add "- **${prefix}-001**: …".`),
    );
  }
  return found;
}

/** Those with an id under another heading of the section, such as "Non-Functional Requirements". Its other bullets are free. */
function otherRequirements(
  outline: Outline,
  functional: Heading | undefined,
  whole: Heading | undefined,
): Requirement[] {
  if (functional === undefined || whole === undefined || functional === whole) return [];
  return requirementsOf(outline, whole, 'NFR', []).filter(
    ({ line }) => line < functional.line || line > functional.end,
  );
}

function mandatory(outline: Outline, key: string, title: string, problems: Problem[]): Heading | undefined {
  const heading = sectionOf(outline, key);
  if (heading === undefined) problems.push(error('section-missing', 0, `The section "${title}" is missing.`));
  return heading;
}

function clarificationsOf(outline: Outline): Spec['clarifications'] {
  const section = sectionOf(outline, 'clarifications', 2);
  if (section === undefined) return [];
  return headingsIn(outline, section).flatMap(({ key, line, end }) =>
    itemsIn(outline, line, end).map((item) => ({
      session: key.replace(/^session\s+/, ''),
      text: item.text,
      line: item.line,
    })),
  );
}

function wholeProblems(outline: Outline, marks: Spec['marks'], criteria: readonly Requirement[]): Problem[] {
  const problems: Problem[] = [];
  const extra = marks[MOST_MARKS];
  if (extra !== undefined) {
    const how = 'Keep the three that matter most and decide the others.';
    problems.push(
      error(
        'too-many-questions',
        extra.line,
        `There are ${marks.length} open questions, at most ${MOST_MARKS} may be. ${how}`,
      ),
    );
  }
  for (const { text, number, code } of outline.lines) {
    if (!code && /^\s*[-*] \[[ xX~]\] /.test(text)) {
      problems.push(
        error('checklist-inside', number, 'A specification holds no checklist. Checklists are files in checklists/.'),
      );
    }
  }
  for (const { id, text, line } of criteria) {
    if (!/\d|\bevery\b|\ball\b|\bnone?\b|\bzero\b|\bonce\b/i.test(text)) {
      problems.push(warning('criterion-measurable', line, `${id} names nothing that can be counted or timed.`));
    }
  }
  return problems;
}

function entitiesOf(outline: Outline): Spec['entities'] {
  return bulletsOf(outline, 'key entities').flatMap(({ text, line }) => {
    const [, name, said = ''] = /^\*\*([^*]{1,120}?):?\*\*:?\s*([\s\S]*)$/.exec(text) ?? [];
    return name === undefined ? [] : [{ name: name.replace(/:$/, ''), text: said, line }];
  });
}

function bulletsOf(outline: Outline, key: string): readonly Item[] {
  const section = sectionOf(outline, key);
  return section === undefined ? [] : itemsIn(outline, section.line, section.end);
}

function titleOf(outline: Outline, problems: Problem[]): string {
  const title = outline.headings.find(({ level }) => level === 1)?.title;
  if (title === undefined) {
    problems.push(error('title', 1, 'The title is missing. Begin with "# Feature Specification: NAME".'));
  }
  return (title ?? '').replace(/^Feature Specification:\s*/i, '');
}

/** `tokens` are those of the template, see `templateTokens`. */
export function parseSpec(text: string, tokens?: ReadonlySet<string>): Spec {
  const outline = outlineOf(text);
  const problems: Problem[] = [];
  const title = titleOf(outline, problems);
  mandatory(outline, 'user scenarios & testing', '## User Scenarios & Testing', problems);
  const requirementSection = mandatory(outline, 'requirements', '## Requirements', problems);
  const criteriaSection = mandatory(outline, 'success criteria', '## Success Criteria', problems);
  const stories = storiesOf(outline, problems);
  if (stories.length === 0) {
    problems.push(error('story-missing', 0, 'There is no user story. Add "### User Story 1 - Title (Priority: P1)".'));
  }
  const functional = sectionOf(outline, 'functional requirements') ?? requirementSection;
  const outcomes = sectionOf(outline, 'measurable outcomes') ?? criteriaSection;
  const requirements = [
    ...requirementsOf(outline, functional, 'FR', problems),
    ...otherRequirements(outline, functional, requirementSection),
  ];
  const criteria = requirementsOf(outline, outcomes, 'SC', problems);
  const marks = clarificationMarks(outline);
  problems.push(...wholeProblems(outline, marks, criteria), ...leftoverProblems(outline, 'spec', tokens));
  return {
    title,
    stories,
    requirements,
    criteria,
    entities: entitiesOf(outline),
    edgeCases: bulletsOf(outline, 'edge cases'),
    assumptions: bulletsOf(outline, 'assumptions'),
    clarifications: clarificationsOf(outline),
    marks,
    outline,
    problems: problems.toSorted((a, b) => a.line - b.line),
  };
}
