/** Which kind of project this is, and the command that checks it. Reads files, runs nothing. */
import type { Command } from '../commands/run.ts';
import { fieldsOf, readJson } from '../layout/json.ts';
import type { Project } from '../workflow/project.ts';
import {
  type Check,
  GO_TABLE,
  gradleTable,
  mavenTable,
  nodeTable,
  pythonTable,
  type Runner,
  RUST_TABLE,
  type Table,
  type Wishes,
} from './tables.ts';

export interface CheckCommand extends Command {
  /** It ends with 0 whatever it found: what it lists on stdout is what is wrong. */
  readonly lists: boolean;
}

export interface ProjectKind {
  readonly kind: 'node' | 'python' | 'rust' | 'go' | 'java';
  /** The file that says so. */
  readonly file: string;
  /** The command for a check; undefined when the project has none. */
  command(check: Check, wishes: Wishes): CheckCommand | undefined;
}

const LOCKS: readonly [file: string, runner: Runner][] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
];

const LISTING: Readonly<Partial<Record<ProjectKind['kind'], readonly Check[]>>> = {
  python: ['outdated'],
  go: ['format', 'outdated'],
};

const kindOf = (kind: ProjectKind['kind'], file: string, table: Table): ProjectKind => ({
  kind,
  file,
  command(check, wishes) {
    const [program, ...args] = table[check](wishes) ?? [];
    const lists = !wishes.fix && LISTING[kind]?.includes(check) === true;
    return program === undefined ? undefined : { program, args, lists };
  },
});

async function nodeKind({ workspace }: Project): Promise<ProjectKind | undefined> {
  const manifest = await readJson(workspace, 'package.json');
  if (manifest === undefined) return undefined;
  let runner: Runner = 'npm';
  for (const [file, name] of LOCKS) if ((await workspace.kind(file)) === 'file') runner = name;
  if (runner === 'yarn' && (await workspace.kind('.yarnrc.yml')) === 'file') runner = 'yarn-berry';
  const dependencies = { ...fieldsOf(manifest['dependencies']), ...fieldsOf(manifest['devDependencies']) };
  const scripts = new Set(Object.keys(fieldsOf(manifest['scripts'])));
  return kindOf('node', 'package.json', nodeTable(runner, scripts, new Set(Object.keys(dependencies))));
}

/** What says which kind it is, in order of weight; the table is made of the text of that file. */
const OTHERS: readonly [file: string, kind: ProjectKind['kind'], table: (text: string) => Table][] = [
  ['pyproject.toml', 'python', (text) => pythonTable(text, 'pyproject.toml')],
  ['requirements.txt', 'python', (text) => pythonTable(text, 'requirements.txt')],
  ['Cargo.toml', 'rust', () => RUST_TABLE],
  ['go.mod', 'go', () => GO_TABLE],
  ['pom.xml', 'java', mavenTable],
  ['build.gradle', 'java', gradleTable],
  ['build.gradle.kts', 'java', gradleTable],
];

/** What a folder is looked through for, for people. */
export const KNOWN_FILES: string = ['package.json', ...OTHERS.map(([file]) => file)].join(', ');

/** Undefined for a folder that is none of them. */
export async function detectProject(project: Project): Promise<ProjectKind | undefined> {
  const node = await nodeKind(project);
  if (node !== undefined) return node;
  for (const [file, kind, table] of OTHERS) {
    const text = await project.workspace.read(file);
    if (text !== undefined) return kindOf(kind, file, table(text));
  }
  return undefined;
}
