/**
 * Presets, extensions, workflows, bundles and catalogs as they are set up in `.specify/`: read and shown. Nothing is installed,
 * fetched or run.
 */
import type { Workspace } from '../workspace/workspace.ts';
import { type Fields, fieldsOf, readJson, readYaml, textOf } from './json.ts';
import { isPlainName } from './paths.ts';

export interface PackEntry {
  readonly kind: 'preset' | 'extension' | 'workflow' | 'bundle' | 'catalog';
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly enabled: boolean;
  /** Lower wins; 10 when nothing is said. */
  readonly priority: number;
  /** Templates, commands, steps or addresses it names. */
  readonly contains: readonly string[];
  /** Why it could not be read; empty when it could. */
  readonly problem: string;
}

const MOST_NAMES = 200;

const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.slice(0, MOST_NAMES).map(fieldsOf) : []);

function namesOf(manifest: Fields, kind: PackEntry['kind']): string[] {
  if (kind === 'workflow')
    return listOf(manifest['steps']).flatMap((step) => textOf(step['id']) ?? textOf(step['command']) ?? []);
  const provides = fieldsOf(manifest['provides']);
  const groups = [...listOf(provides['templates']), ...listOf(provides['commands']), ...listOf(manifest['commands'])];
  const hooks = Object.keys(fieldsOf(manifest['hooks'])).map((name) => `hook ${name}`);
  return [...groups.flatMap((one) => textOf(one['name']) ?? []), ...hooks];
}

function entryOf(kind: PackEntry['kind'], id: string, manifest: Fields, known: Fields, problem: string): PackEntry {
  const about = { ...fieldsOf(manifest[kind]), ...(kind === 'workflow' ? fieldsOf(manifest['workflow']) : {}) };
  const say = (name: string): string => textOf(about[name]) ?? textOf(manifest[name]) ?? '';
  return {
    kind,
    id,
    name: say('name'),
    version: say('version'),
    description: say('description'),
    enabled: known['enabled'] !== false,
    priority: typeof known['priority'] === 'number' ? known['priority'] : 10,
    contains: namesOf(manifest, kind),
    problem,
  };
}

async function readEntry(
  workspace: Workspace,
  kind: PackEntry['kind'],
  id: string,
  path: string,
  known: Fields,
): Promise<PackEntry> {
  const problem = (error: unknown): string => (error instanceof Error ? error.message : 'It cannot be read.');
  try {
    return entryOf(kind, id, (await readYaml(workspace, path)) ?? {}, known, '');
  } catch (error) {
    return entryOf(kind, id, {}, known, problem(error));
  }
}

async function catalogs(workspace: Workspace): Promise<PackEntry[]> {
  const entries: PackEntry[] = [];
  for (const id of ['preset-catalogs', 'extension-catalogs', 'workflow-catalogs', 'bundle-catalogs']) {
    const file = await readYaml(workspace, `.specify/${id}.yml`).catch(() => undefined);
    if (file === undefined) continue;
    const contains = listOf(file['catalogs']).flatMap((one) => textOf(one['url']) ?? textOf(one['name']) ?? []);
    entries.push({ ...entryOf('catalog', id, {}, {}, ''), contains });
  }
  return entries;
}

export async function listInstalled(workspace: Workspace): Promise<readonly PackEntry[]> {
  const entries: PackEntry[] = [];
  for (const kind of ['preset', 'extension', 'workflow', 'bundle'] as const) {
    const folder = `.specify/${kind}s`;
    const registry = await readJson(workspace, `${folder}/.registry`).catch(() => undefined);
    for (const entry of await workspace.list(folder)) {
      if (entry.kind !== 'folder' || !isPlainName(entry.name) || entry.name === 'runs' || entry.name === 'overlays')
        continue;
      const known = fieldsOf(fieldsOf(registry?.[`${kind}s`])[entry.name]);
      entries.push(await readEntry(workspace, kind, entry.name, `${folder}/${entry.name}/${kind}.yml`, known));
    }
  }
  return [...entries, ...(await catalogs(workspace))];
}
