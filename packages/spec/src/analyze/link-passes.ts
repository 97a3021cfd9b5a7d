/** The passes that look at what belongs together: constitution, coverage, consistency. */
import type { Norm } from '../grammar/constitution.ts';
import { storyProblems } from '../workflow/tasks.ts';
import type { Pass, RawFinding } from './finding.ts';
import { wordsOf } from './words.ts';

const critical = (location: string, summary: string, recommendation: string): RawFinding => ({
  category: 'Constitution',
  severity: 'CRITICAL',
  locations: [location],
  summary,
  recommendation,
});

function gateFindings({ plan, ungated }: Parameters<Pass>[0]): RawFinding[] {
  const line = plan.outline.headings.find(({ key }) => key === 'constitution check')?.line ?? 0;
  const how = 'Check the plan against it and write the verdict.';
  const unjustified = plan.problems.filter(({ rule }) => rule === 'plan.gate-unjustified');
  return [
    ...ungated.map((name) => critical(`plan.md:${line}`, `The plan has no gate for "${name}".`, how)),
    ...unjustified.map((one) => critical(`plan.md:${one.line}`, one.message, 'Change the plan; the principle stays.')),
  ];
}

/** "MUST NOT use X", and the plan or a task that speaks of X. */
function forbiddenFindings({ plan, tasks }: Parameters<Pass>[0], norms: readonly Norm[]): RawFinding[] {
  const bans = norms.flatMap(({ text, line }) => {
    const [, forbidden = ''] =
      /\b(?:MUST|SHALL) NOT (?:use|depend on|rely on|contain|include)\s+([^.;,]{3,80})/i.exec(text) ?? [];
    const wanted = [...wordsOf(forbidden)];
    return wanted.length === 0 ? [] : [{ text, line, wanted }];
  });
  if (bans.length === 0) return [];
  const texts = [...plan.context.values(), ...tasks.tasks].map(({ text }) => text);
  const said = [plan.summary, ...texts].map((text) => ({ text, words: wordsOf(text) }));
  return bans.flatMap(({ text, line, wanted }) => {
    const at = said.find(({ words }) => wanted.every((word) => words.has(word)));
    if (at === undefined) return [];
    const summary = `"${text.slice(0, 120)}": the plan or a task speaks of it: "${at.text.slice(0, 80)}".`;
    return [critical(`constitution.md:${line}`, summary, 'Remove it, or show that it is something else.')];
  });
}

function testFindings({ tasks }: Parameters<Pass>[0], norms: readonly Norm[]): RawFinding[] {
  const first = norms.find(
    ({ strength, text }) => strength === 'must' && /\btests?\b[\s\S]*\b(?:before|first)\b|\bTDD\b/i.test(text),
  );
  if (first === undefined || tasks.tasks.length === 0) return [];
  if (tasks.tasks.some(({ text }) => /\btests?\b/i.test(text))) return [];
  const summary = `"${first.principle}" wants tests first, and no task writes one.`;
  return [critical(`constitution.md:${first.line}`, summary, 'Add test tasks before the code of each story.')];
}

export const constitution: Pass = (material) => {
  const norms = material.constitution?.norms;
  if (norms === undefined) return [];
  return [...gateFindings(material), ...forbiddenFindings(material, norms), ...testFindings(material, norms)];
};

export const coverage: Pass = ({ spec, tasks, coverage: matrix }) => {
  const found: RawFinding[] = [];
  const first = new Set(spec.stories.filter(({ priority }) => priority === 1).map(({ number }) => number));
  const served = new Set(tasks.tasks.map(({ story }) => story));
  for (const { id, line, by } of matrix.rows) {
    if (by !== 'none') continue;
    const functional = id.startsWith('FR-');
    found.push({
      category: 'Coverage',
      severity: functional ? 'HIGH' : 'MEDIUM',
      locations: [`spec.md:${line}`],
      summary: `No task serves ${id}.`,
      recommendation: `Add a task that names ${id}, or drop it.`,
    });
  }
  for (const { number, title, line } of spec.stories) {
    if (served.has(number)) continue;
    found.push({
      category: 'Coverage',
      severity: first.has(number) ? 'CRITICAL' : 'HIGH',
      locations: [`spec.md:${line}`],
      summary: `User Story ${number} (${title}) has no task.`,
      recommendation: `Add a phase for it, with tasks [US${number}].`,
    });
  }
  const plain = new Set(['setup', 'foundational', 'polish', 'convergence']);
  for (const id of matrix.unmapped) {
    const task = tasks.tasks.find((one) => one.id === id);
    if (task === undefined || plain.has(tasks.phases[task.phase]?.kind ?? '')) continue;
    found.push({
      category: 'Coverage',
      severity: 'LOW',
      locations: [`tasks.md:${task.line}`],
      summary: `${id} serves no requirement and no story.`,
      recommendation: 'Name what it is for, or remove it.',
    });
  }
  return found;
};

/** Languages of the plan, and endings of files that belong to them. */
const LANGUAGES: readonly [RegExp, RegExp][] = [
  [/\bpython\b/i, /\.py$/],
  [/\b(?:typescript|javascript|node)\b/i, /\.(?:[cm]?[jt]sx?|vue|svelte)$/],
  [/\bgo(?:lang)?\b/i, /\.go$/],
  [/\brust\b/i, /\.rs$/],
  [/\bjava\b/i, /\.java$/],
  [/\bkotlin\b/i, /\.kts?$/],
  [/\bc#|\.net\b/i, /\.cs$/],
  [/\bruby\b/i, /\.rb$/],
  [/\bswift\b/i, /\.swift$/],
];

function foreignFiles({ plan, tasks }: Parameters<Pass>[0]): RawFinding[] {
  const language = plan.context.get('language/version');
  const named = LANGUAGES.filter(([pattern]) => pattern.test(language?.text ?? ''));
  if (named.length === 0) return [];
  const strangers = tasks.tasks.filter(({ paths }) =>
    paths.some(
      (path) => LANGUAGES.some(([, ending]) => ending.test(path)) && !named.some(([, ending]) => ending.test(path)),
    ),
  );
  const [first] = strangers;
  if (first === undefined) return [];
  return [
    {
      category: 'Inconsistency',
      severity: 'HIGH',
      locations: [`plan.md:${language?.line ?? 0}`, `tasks.md:${first.line}`],
      summary: `The plan says "${language?.text.slice(0, 60)}", but ${strangers
        .slice(0, 5)
        .map(({ id }) => id)
        .join(', ')} name files of another language.`,
      recommendation: 'Correct the plan or the tasks.',
    },
  ];
}

const letters = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '')
    .replace(/s$/, '');

function entityDrift({ spec, entities }: Parameters<Pass>[0]): RawFinding[] {
  if (entities.length === 0) return [];
  const inSpec = new Map(spec.entities.map((entity) => [letters(entity.name), entity]));
  const inModel = new Map(entities.map((entity) => [letters(entity.name), entity]));
  const found: RawFinding[] = [];
  const add = (severity: RawFinding['severity'], locations: readonly string[], summary: string): void => {
    found.push({
      category: 'Inconsistency',
      severity,
      locations,
      summary,
      recommendation: 'Use one name for one thing in all files.',
    });
  };
  for (const [key, { name, line }] of inSpec) {
    const other = inModel.get(key);
    if (other === undefined) add('MEDIUM', [`spec.md:${line}`], `The entity "${name}" is missing in the data model.`);
    else if (other.name !== name)
      add(
        'LOW',
        [`spec.md:${line}`, `data-model.md:${other.line}`],
        `"${name}" is called "${other.name}" in the data model.`,
      );
  }
  for (const [key, { name, line }] of inModel) {
    if (!inSpec.has(key)) add('MEDIUM', [`data-model.md:${line}`], `The entity "${name}" is not in the specification.`);
  }
  return found;
}

export const inconsistency: Pass = (material) => {
  const { graph, spec, tasks } = material;
  const found: RawFinding[] = [...foreignFiles(material), ...entityDrift(material)];
  if (graph.cycle !== undefined) {
    found.push({
      category: 'Inconsistency',
      severity: 'HIGH',
      locations: [`tasks.md:${graph.byId.get(graph.cycle[0] ?? '')?.line ?? 0}`],
      summary: `Tasks wait for each other: ${graph.cycle.slice(0, 10).join(' → ')}.`,
      recommendation: 'Take one of the dependencies away.',
    });
  }
  for (const { rule, line, message } of [...tasks.problems, ...storyProblems(tasks, spec)]) {
    if (rule === 'tasks.story-uncovered') continue;
    const severity = rule === 'tasks.path' || rule === 'tasks.order' ? 'LOW' : 'MEDIUM';
    const recommendation = 'Correct the list of tasks (tasks_write).';
    found.push({
      category: 'Inconsistency',
      severity,
      locations: [`tasks.md:${line}`],
      summary: message,
      recommendation,
    });
  }
  return found;
};
