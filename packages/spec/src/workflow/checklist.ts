/** Adds items to a checklist of a feature: ids go on counting, nothing is ticked or rewritten. */
import { type Problem, refuseErrors, SpecError } from '../errors.ts';
import { CHECK_TAG, parseChecklist } from '../grammar/checklist.ts';
import { appendLines } from '../grammar/edit.ts';
import { parseSpec } from '../grammar/spec.ts';
import { dayOf } from '../layout/paths.ts';
import { featureOf, type Project, readArtifact } from './project.ts';

export interface ChecklistItem {
  readonly category: string;
  /** A question about the text, with its tag. */
  readonly text: string;
}

export interface ChecklistWritten {
  readonly feature: string;
  readonly path: string;
  /** The ids of the new items. */
  readonly added: readonly string[];
  readonly total: number;
  readonly problems: readonly Problem[];
}

function itemProblems(items: readonly ChecklistItem[]): Problem[] {
  return items.flatMap(({ text }, index): Problem[] => {
    const problems: Problem[] = [];
    const add = (rule: string, message: string, severity: Problem['severity']): void => {
      problems.push({ rule: `checklist.${rule}`, line: 0, message: `Item ${index + 1}: ${message}`, severity });
    };
    if (/[\r\n]/.test(text)) add('one-line', 'it holds a line break.', 'error');
    if (
      !text
        .replace(/\[[^\]]*\]/g, '')
        .trim()
        .endsWith('?')
    )
      add('question', 'it is not a question. Ask about the text.', 'error');
    if (!CHECK_TAG.test(text)) add('tag', 'it has no tag such as [Completeness, Spec §FR-001] or [Gap].', 'error');
    if (/^(?:verify|test|confirm|check|ensure)\b/i.test(text))
      add('about-text', 'it tests the program, not the text.', 'error');
    return problems;
  });
}

/** Throws a SpecError `grammar` when an item is no question about the text. */
export async function writeChecklist(
  project: Project,
  { domain, items, purpose }: { domain: string; items: readonly ChecklistItem[]; purpose?: string },
  named?: string,
): Promise<ChecklistWritten> {
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(domain) || domain.length > 60 || domain === 'requirements') {
    const why = domain === 'requirements' ? 'is kept by the server' : 'must be lower-case words with hyphens';
    throw new SpecError('invalid_input', `The domain ${JSON.stringify(domain)} ${why}. Choose one such as "security".`);
  }
  const feature = await featureOf(project, named);
  const path = `${feature.directory}/checklists/${domain}.md`;
  const problems = itemProblems(items);
  refuseErrors(path, problems);
  const spec = parseSpec(await readArtifact(project.workspace, feature, 'spec'));
  const { value } = await project.workspace.change(feature.name, `checklist ${domain}`, async (draft) => {
    const title = `${domain.charAt(0).toUpperCase()}${domain.slice(1).replaceAll('-', ' ')}`;
    const head = [
      `# ${title} Checklist: ${spec.title}`,
      '',
      `**Purpose**: ${(purpose ?? `Is what the specification says about ${domain} whole and clear?`).replaceAll(/\s+/g, ' ')}`,
      `**Created**: ${dayOf(project.workspace.now())}`,
      '**Feature**: [spec.md](../spec.md)',
    ];
    let text = (await draft.read(path)) ?? `${head.join('\n')}\n`;
    const there = parseChecklist(text).items;
    let last = Math.max(0, ...there.map(({ id }) => Number(id.slice(3)) || 0));
    const added: string[] = [];
    for (const [category, group] of Map.groupBy(items, (item) => item.category.replaceAll(/[\r\n#]+/g, ' ').trim())) {
      const lines = group.map((item) => {
        last += 1;
        const id = `CHK${String(last).padStart(3, '0')}`;
        added.push(id);
        return `- [ ] ${id} ${item.text.trim()}`;
      });
      text = appendLines(text, ['', `## ${category}`, '', ...lines]);
    }
    if (items.length > 0) draft.write(path, text);
    return { added, total: there.length + added.length };
  });
  return { feature: feature.name, path, ...value, problems };
}
