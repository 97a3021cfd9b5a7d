/** Which templates there are, and making an own one out of a file: variables filled in, another template extended. */
import { SpecError } from '../errors.ts';
import { PROJECT_TEMPLATES } from '../templates/projects.ts';
import { SHIPPED_NAMES } from '../templates/shipped.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { isPlainName } from './paths.ts';
import { listPacks, resolveTemplate } from './templates.ts';

export type TemplateCategory = 'project' | 'spec' | 'plan' | 'task' | 'other';

export interface TemplateEntry {
  readonly id: string;
  readonly category: TemplateCategory;
  readonly description: string;
  /** Where its text comes from here: the highest layer. */
  readonly source: string;
}

function categoryOf(id: string): TemplateCategory {
  if (id.startsWith('project-')) return 'project';
  const kinds: [string, TemplateCategory][] = [
    ['spec', 'spec'],
    ['requirements', 'spec'],
    ['constitution', 'spec'],
    ['plan', 'plan'],
    ['research', 'plan'],
    ['data-model', 'plan'],
    ['quickstart', 'plan'],
    ['tasks', 'task'],
    ['task', 'task'],
  ];
  return kinds.find(([prefix]) => id.startsWith(`${prefix}-`))?.[1] ?? 'other';
}

async function customNames(workspace: Workspace): Promise<string[]> {
  const folders = ['.specify/templates/overrides', '.specify/templates'];
  for (const kind of ['preset', 'extension'] as const) {
    for (const { id } of await listPacks(workspace, kind)) folders.push(`.specify/${kind}s/${id}/templates`);
  }
  const names: string[] = [];
  for (const folder of folders) {
    for (const { name, kind } of await workspace.list(folder)) {
      const id = name.replace(/\.md$/, '');
      if (kind === 'file' && name.endsWith('.md') && isPlainName(id)) names.push(id);
    }
  }
  return names;
}

export async function listTemplates(
  workspace: Workspace,
  { includeCustom = true, category = 'all' }: { includeCustom?: boolean; category?: string },
): Promise<readonly TemplateEntry[]> {
  const names = new Set([...SHIPPED_NAMES, ...(includeCustom ? await customNames(workspace) : [])]);
  const entries: TemplateEntry[] = [];
  for (const id of names) {
    const kind = categoryOf(id);
    if (category !== 'all' && category !== kind) continue;
    const { layers } = await resolveTemplate(workspace, id);
    const shown = PROJECT_TEMPLATES.find((one) => `project-${one.id}` === id);
    entries.push({ id, category: kind, description: shown?.description ?? '', source: layers[0]?.source ?? 'shipped' });
  }
  return entries;
}

export interface CustomTemplate {
  readonly templateId: string;
  /** A Markdown file in the workspace. */
  readonly customizationPath: string;
  /** The name of the override; that of the template when left out. */
  readonly overridePath?: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** A template this one is put around (`{CORE_TEMPLATE}`) or behind. */
  readonly extends?: string;
}

function withVariables(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{\{\s*([\w-]{1,60})\s*\}\}/g, (whole, name: string) =>
    Object.hasOwn(variables, name) ? (variables[name] ?? '') : whole,
  );
}

/** Writes an override, which from then on is the template of this name. */
export async function customizeTemplate(
  workspace: Workspace,
  wanted: CustomTemplate,
): Promise<{ path: string; changed: readonly string[] }> {
  const { templateId, customizationPath, variables = {}, overridePath } = wanted;
  const name = (overridePath ?? templateId).replace(/^\.specify\/templates\/overrides\//, '').replace(/\.md$/, '');
  if (!isPlainName(name)) {
    throw new SpecError(
      'outside_workspace',
      `An override is a file .specify/templates/overrides/NAME.md, not ${JSON.stringify(name.slice(0, 100))}.`,
    );
  }
  const text = await workspace.read(customizationPath);
  if (text === undefined)
    throw new SpecError('not_found', 'There is no file at customizationPath. Write the template there first.');
  const own = withVariables(text, variables);
  const base = wanted.extends === undefined ? undefined : (await resolveTemplate(workspace, wanted.extends)).content;
  const around = own.includes('{CORE_TEMPLATE}') ? own : `{CORE_TEMPLATE}\n\n${own}`;
  const content = base === undefined ? own : around.split('{CORE_TEMPLATE}').join(base.trimEnd());
  const path = `.specify/templates/overrides/${name}.md`;
  const { changed } = await workspace.change('workspace', `template ${name}`, async (draft) =>
    draft.write(path, content),
  );
  return { path, changed };
}
