/** Which kind of project this is, and the command that formats, lints, tests, audits it. Reads files, runs nothing. */
import type { Command } from '../commands/run.ts';
import { fieldsOf, readJson } from '../layout/json.ts';
import type { Project } from '../workflow/project.ts';

export const CHECKS = ['format', 'lint', 'test', 'audit', 'outdated'] as const;
export type Check = (typeof CHECKS)[number];

export interface ProjectKind {
  readonly kind: 'node' | 'python' | 'rust' | 'go';
  /** The command for a check; undefined when the project has none. */
  command(check: Check, options: Wishes): Command | undefined;
}

interface Wishes {
  readonly fix: boolean;
  readonly coverage: boolean;
}
type Words = readonly string[] | undefined;
/** The words of a command for each check. */
type Table = Readonly<Record<Check, (wishes: Wishes) => Words>>;

const LOCKS: readonly [string, string][] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
];

function nodeTable(runner: string, scripts: ReadonlySet<string>, dependencies: ReadonlySet<string>): Table {
  const script = (...names: string[]): Words => {
    const name = names.find((one) => scripts.has(one));
    return name === undefined ? undefined : [runner, 'run', name];
  };
  // A tool that is not installed is never fetched from a registry.
  const local = (tool: string, ...args: string[]): Words =>
    dependencies.has(tool) ? ['npx', '--no-install', tool, ...args] : undefined;
  const registry = runner === 'pnpm' ? 'pnpm' : 'npm';
  return {
    format: ({ fix }) =>
      fix
        ? (script('format', 'fmt') ?? local('prettier', '--write', '.'))
        : (script('format:check', 'fmt:check') ?? local('prettier', '--check', '.')),
    lint: ({ fix }) =>
      fix ? (script('lint:fix') ?? local('eslint', '.', '--fix')) : (script('lint') ?? local('eslint', '.')),
    test: ({ coverage }) => (coverage ? script('test:coverage', 'coverage', 'test') : script('test')),
    audit: ({ fix }) => (fix ? ['npm', 'audit', 'fix', '--ignore-scripts'] : [registry, 'audit', '--json']),
    outdated: ({ fix }) =>
      fix ? ['npm', 'update', '--dry-run', '--ignore-scripts'] : [registry, 'outdated', '--json'],
  };
}

const PYTHON: Table = {
  format: ({ fix }) => ['ruff', 'format', ...(fix ? [] : ['--check']), '.'],
  lint: ({ fix }) => ['ruff', 'check', ...(fix ? ['--fix'] : []), '.'],
  test: ({ coverage }) => ['python3', '-m', 'pytest', '-q', ...(coverage ? ['--cov'] : [])],
  audit: ({ fix }) => ['pip-audit', '--format', 'json', ...(fix ? ['--fix'] : [])],
  outdated: () => ['python3', '-m', 'pip', 'list', '--outdated', '--format', 'json'],
};

const RUST: Table = {
  format: ({ fix }) => ['cargo', 'fmt', ...(fix ? [] : ['--check'])],
  lint: ({ fix }) => ['cargo', 'clippy', ...(fix ? ['--fix', '--allow-dirty'] : []), '--', '-D', 'warnings'],
  test: () => ['cargo', 'test'],
  audit: () => ['cargo', 'audit', '--json'],
  outdated: () => ['cargo', 'outdated', '--format', 'json'],
};

const GO: Table = {
  format: ({ fix }) => ['gofmt', fix ? '-w' : '-l', '.'],
  lint: () => ['go', 'vet', './...'],
  test: ({ coverage }) => ['go', 'test', ...(coverage ? ['-cover'] : []), './...'],
  audit: () => ['govulncheck', '-json', './...'],
  outdated: () => ['go', 'list', '-m', '-u', '-json', 'all'],
};

const kindOf = (kind: ProjectKind['kind'], table: Table): ProjectKind => ({
  kind,
  command(check, options) {
    const [program, ...args] = table[check](options) ?? [];
    return program === undefined ? undefined : { program, args };
  },
});

/** Undefined for a folder that is none of them. */
export async function detectProject(project: Project): Promise<ProjectKind | undefined> {
  const { workspace } = project;
  const manifest = await readJson(workspace, 'package.json');
  if (manifest !== undefined) {
    let runner = 'npm';
    for (const [file, name] of LOCKS) if ((await workspace.kind(file)) === 'file') runner = name;
    const dependencies = { ...fieldsOf(manifest['dependencies']), ...fieldsOf(manifest['devDependencies']) };
    return kindOf(
      'node',
      nodeTable(runner, new Set(Object.keys(fieldsOf(manifest['scripts']))), new Set(Object.keys(dependencies))),
    );
  }
  const others: [string, ProjectKind['kind'], Table][] = [
    ['pyproject.toml', 'python', PYTHON],
    ['requirements.txt', 'python', PYTHON],
    ['Cargo.toml', 'rust', RUST],
    ['go.mod', 'go', GO],
  ];
  for (const [file, kind, table] of others) if ((await workspace.kind(file)) === 'file') return kindOf(kind, table);
  return undefined;
}
