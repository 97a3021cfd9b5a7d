/**
 * The commands of each kind of project: what formats, lints, tests and audits it, and lists its outdated packages and licences.
 * A tool of a build that its files do not name is not asked for: it would be fetched. Reads no file and runs nothing.
 */

export const CHECKS = ['format', 'lint', 'test', 'audit', 'outdated', 'licences'] as const;
export type Check = (typeof CHECKS)[number];

export interface Wishes {
  /** Files may be changed. */
  readonly fix: boolean;
  readonly coverage: boolean;
}

/** The words of a command; undefined when the project has none for what is wished. */
export type Words = readonly string[] | undefined;
export type Table = Readonly<Record<Check, (wishes: Wishes) => Words>>;

export type Runner = 'npm' | 'pnpm' | 'yarn' | 'yarn-berry' | 'bun';

const AUDITS: Readonly<Record<Runner, Words>> = {
  npm: ['npm', 'audit', '--json'],
  pnpm: ['pnpm', 'audit', '--json'],
  yarn: ['yarn', 'audit', '--json'],
  'yarn-berry': ['yarn', 'npm', 'audit', '--json'],
  bun: ['bun', 'audit', '--json'],
};
const OUTDATED: Readonly<Record<Runner, Words>> = {
  npm: ['npm', 'outdated', '--json'],
  pnpm: ['pnpm', 'outdated', '--format', 'json'],
  yarn: ['yarn', 'outdated', '--json'],
  'yarn-berry': undefined,
  bun: ['bun', 'outdated'],
};

export function nodeTable(runner: Runner, scripts: ReadonlySet<string>, dependencies: ReadonlySet<string>): Table {
  const script = (...names: string[]): Words => {
    const name = names.find((one) => scripts.has(one));
    return name === undefined ? undefined : [runner === 'yarn-berry' ? 'yarn' : runner, 'run', name];
  };
  // A tool that is not installed is never fetched from a registry.
  const local = (tool: string, ...args: string[]): Words =>
    dependencies.has(tool) ? ['npx', '--no-install', tool, ...args] : undefined;
  return {
    format: ({ fix }) =>
      fix
        ? (script('format', 'fmt') ?? local('prettier', '--write', '.'))
        : (script('format:check', 'fmt:check') ?? local('prettier', '--check', '.')),
    lint: ({ fix }) =>
      fix ? (script('lint:fix') ?? local('eslint', '.', '--fix')) : (script('lint') ?? local('eslint', '.')),
    test: ({ coverage }) => (coverage ? script('test:coverage', 'coverage', 'test') : script('test')),
    audit({ fix }) {
      if (!fix) return AUDITS[runner];
      if (runner === 'npm') return ['npm', 'audit', 'fix', '--ignore-scripts'];
      return runner === 'pnpm' ? ['pnpm', 'audit', '--fix'] : undefined;
    },
    outdated({ fix }) {
      if (!fix) return OUTDATED[runner];
      return runner === 'npm' ? ['npm', 'update', '--dry-run', '--ignore-scripts'] : undefined;
    },
    // Read from the packages themselves.
    licences: () => undefined,
  };
}

/** `manifest` is the text of pyproject.toml or requirements.txt. */
export function pythonTable(manifest: string, file: string): Table {
  const names = (tool: string): boolean => new RegExp(`\\b${tool}\\b`, 'i').test(manifest);
  const hasRuff = names('ruff');
  return {
    format: ({ fix }) =>
      names('black') && !hasRuff
        ? ['black', ...(fix ? [] : ['--check']), '.']
        : ['ruff', 'format', ...(fix ? [] : ['--check']), '.'],
    lint({ fix }) {
      if (names('flake8') && !hasRuff) return fix ? undefined : ['flake8', '.'];
      return ['ruff', 'check', ...(fix ? ['--fix'] : []), '.'];
    },
    test: ({ coverage }) => ['python3', '-m', 'pytest', '-q', ...(coverage ? ['--cov'] : [])],
    audit: ({ fix }) => [
      'pip-audit',
      ...(file === 'requirements.txt' ? ['--requirement', file] : []),
      ...(fix ? ['--fix'] : []),
    ],
    outdated: ({ fix }) => (fix ? undefined : ['python3', '-m', 'pip', 'list', '--outdated']),
    licences: () => ['pip-licenses', '--format', 'json'],
  };
}

export const RUST_TABLE: Table = {
  format: ({ fix }) => ['cargo', 'fmt', ...(fix ? [] : ['--check'])],
  lint: ({ fix }) => [
    'cargo',
    'clippy',
    ...(fix ? ['--fix', '--allow-dirty', '--allow-staged'] : []),
    '--',
    '-D',
    'warnings',
  ],
  test: ({ coverage }) => (coverage ? ['cargo', 'llvm-cov'] : ['cargo', 'test']),
  audit: ({ fix }) => (fix ? undefined : ['cargo', 'audit']),
  outdated: ({ fix }) => (fix ? ['cargo', 'update', '--dry-run'] : ['cargo', 'outdated', '--exit-code', '1']),
  licences: () => ['cargo', 'license', '--json'],
};

export const GO_TABLE: Table = {
  format: ({ fix }) => ['gofmt', fix ? '-w' : '-l', '.'],
  lint: ({ fix }) => (fix ? undefined : ['go', 'vet', './...']),
  test: ({ coverage }) => ['go', 'test', ...(coverage ? ['-cover'] : []), './...'],
  // As JSON it would end with 0, whatever it found.
  audit: ({ fix }) => (fix ? undefined : ['govulncheck', './...']),
  outdated: ({ fix }) =>
    fix
      ? undefined
      : ['go', 'list', '-m', '-u', '-f', '{{if .Update}}{{.Path}} {{.Version}} {{.Update.Version}}{{end}}', 'all'],
  licences: () => ['go-licenses', 'report', './...'],
};

/** `build` is the text of pom.xml. */
export function mavenTable(build: string): Table {
  const goal = (plugin: string, ...goals: string[]): Words =>
    build.includes(plugin) ? ['mvn', '--batch-mode', ...goals] : undefined;
  return {
    format: ({ fix }) => goal('spotless-maven-plugin', fix ? 'spotless:apply' : 'spotless:check'),
    lint: ({ fix }) => (fix ? undefined : goal('maven-checkstyle-plugin', 'checkstyle:check')),
    test: ({ coverage }) =>
      coverage ? goal('jacoco-maven-plugin', 'test', 'jacoco:report') : ['mvn', '--batch-mode', 'test'],
    audit: ({ fix }) => (fix ? undefined : goal('dependency-check-maven', 'dependency-check:check')),
    outdated: ({ fix }) => (fix ? undefined : goal('versions-maven-plugin', 'versions:display-dependency-updates')),
    licences: () => undefined,
  };
}

/** `build` is the text of build.gradle or build.gradle.kts. */
export function gradleTable(build: string): Table {
  const tasks = (plugin: RegExp, ...names: string[]): Words =>
    plugin.test(build) ? ['gradle', '--console=plain', ...names] : undefined;
  return {
    format: ({ fix }) => tasks(/\bspotless\b/, fix ? 'spotlessApply' : 'spotlessCheck'),
    lint: ({ fix }) =>
      fix ? undefined : tasks(/\b(?:checkstyle|pmd|spotbugs|detekt|ktlint)\b/, 'check', '-x', 'test'),
    test: ({ coverage }) =>
      coverage ? tasks(/\bjacoco\b/, 'test', 'jacocoTestReport') : ['gradle', '--console=plain', 'test'],
    audit: ({ fix }) => (fix ? undefined : tasks(/\bdependencycheck\b/, 'dependencyCheckAnalyze')),
    outdated: ({ fix }) => (fix ? undefined : tasks(/ben-manes\.versions/, 'dependencyUpdates')),
    licences: () => undefined,
  };
}
