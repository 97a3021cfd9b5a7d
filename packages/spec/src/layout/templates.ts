/**
 * Which text a template has in this project: overrides before presets before extensions before the core, as spec-kit 1.0
 * resolves them, and below all the templates shipped here. A layer replaces what is below it, or is put before, after or
 * around it. Only texts are composed; scripts are never run.
 */
import { SpecError } from '../errors.ts';
import { shippedTemplate } from '../templates/shipped.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type Fields, fieldsOf, readJson, readYaml, textOf } from './json.ts';
import { isPlainName } from './paths.ts';

export type Strategy = 'replace' | 'prepend' | 'append' | 'wrap';

export interface Layer {
  /** `override`, `preset:ID`, `extension:ID`, `core` or `shipped`. */
  readonly source: string;
  /** Undefined for what is shipped. */
  readonly path: string | undefined;
  readonly strategy: Strategy;
}

export interface ResolvedTemplate {
  readonly name: string;
  readonly content: string;
  /** Highest first, down to the one that replaces all below it. */
  readonly layers: readonly Layer[];
}

interface Pack {
  readonly id: string;
  readonly priority: number;
}

const DEFAULT_PRIORITY = 10;
const PLACE = '{CORE_TEMPLATE}';

/** The packs of a folder that are not turned off, strongest first. */
export async function listPacks(workspace: Workspace, kind: 'preset' | 'extension'): Promise<readonly Pack[]> {
  const folder = `.specify/${kind}s`;
  const registry = fieldsOf((await readJson(workspace, `${folder}/.registry`))?.[`${kind}s`]);
  const packs: Pack[] = [];
  for (const entry of await workspace.list(folder)) {
    if (entry.kind !== 'folder' || !isPlainName(entry.name)) continue;
    const known = fieldsOf(registry[entry.name]);
    if (known['enabled'] === false) continue;
    const priority = typeof known['priority'] === 'number' ? known['priority'] : DEFAULT_PRIORITY;
    packs.push({ id: entry.name, priority });
  }
  return packs.toSorted((a, b) => a.priority - b.priority || (a.id < b.id ? -1 : 1));
}

function strategyOf(entry: Fields, path: string): Strategy {
  const strategy = entry['strategy'] ?? 'replace';
  if (strategy === 'replace' || strategy === 'prepend' || strategy === 'append' || strategy === 'wrap') return strategy;
  throw new SpecError(
    'grammar',
    `${path} has the strategy ${JSON.stringify(strategy)}. Use replace, prepend, append or wrap.`,
  );
}

/** What the manifest of a pack says of a template; without a word of it, the usual place replaces. */
async function packLayer(workspace: Workspace, kind: 'preset' | 'extension', id: string, name: string): Promise<Layer> {
  const folder = `.specify/${kind}s/${id}`;
  const manifestPath = `${folder}/${kind}.yml`;
  const provided = fieldsOf((await readYaml(workspace, manifestPath))?.['provides'])['templates'];
  const entries = Array.isArray(provided) ? provided.map(fieldsOf) : [];
  const entry = entries.find((one) => one['name'] === name && (one['type'] ?? 'template') === 'template');
  const file = textOf(entry?.['file']) ?? `templates/${name}.md`;
  return { source: `${kind}:${id}`, path: `${folder}/${file}`, strategy: strategyOf(entry ?? {}, manifestPath) };
}

async function layersOf(workspace: Workspace, name: string): Promise<readonly Layer[]> {
  const layers: Layer[] = [
    { source: 'override', path: `.specify/templates/overrides/${name}.md`, strategy: 'replace' },
  ];
  for (const kind of ['preset', 'extension'] as const) {
    for (const { id } of await listPacks(workspace, kind)) layers.push(await packLayer(workspace, kind, id, name));
  }
  return [...layers, { source: 'core', path: `.specify/templates/${name}.md`, strategy: 'replace' }];
}

function compose(below: string, text: string, { strategy, path }: Layer): string {
  if (strategy === 'prepend') return `${text.trimEnd()}\n\n${below}`;
  if (strategy === 'append') return `${below.trimEnd()}\n\n${text}`;
  if (strategy === 'replace') return text;
  if (!text.includes(PLACE))
    throw new SpecError('grammar', `${path} wraps a template but does not hold ${PLACE}. Add it.`);
  return text.split(PLACE).join(below);
}

/** A SpecError `not_found` when nothing provides a template of this name. */
export async function resolveTemplate(workspace: Workspace, name: string): Promise<ResolvedTemplate> {
  if (!isPlainName(name))
    throw new SpecError('invalid_input', `${JSON.stringify(name.slice(0, 100))} is no name of a template.`);
  const found: { layer: Layer; text: string }[] = [];
  for (const layer of await layersOf(workspace, name)) {
    const text = layer.path === undefined ? undefined : await workspace.read(layer.path);
    if (text === undefined) continue;
    found.push({ layer, text });
    if (layer.strategy === 'replace') break;
  }
  if (found.at(-1)?.layer.strategy !== 'replace') {
    const text = shippedTemplate(name);
    if (text === undefined) {
      throw new SpecError(
        'not_found',
        `Nothing provides the template "${name}". List the templates for those there are.`,
      );
    }
    found.push({ layer: { source: 'shipped', path: undefined, strategy: 'replace' }, text });
  }
  const [base, ...above] = found.toReversed();
  const content = above.reduce((below, { layer, text }) => compose(below, text, layer), base?.text ?? '');
  return { name, content, layers: found.map(({ layer }) => layer) };
}
