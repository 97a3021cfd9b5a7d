import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Project } from '../workflow/project.ts';
import { createWorkspaces } from '../workspace/workspace.ts';
import { checkLicences } from './licences.ts';
import { runCheck, type Running } from './run.ts';
import type { Check, Wishes } from './tables.ts';

let base: string;
let project: Project;

/** Stands in for a program: notes its words, environment and folder beside itself, says `out` and ends with `code`. */
function standIn(program: string, { out = '', code = 0 }: { out?: string; code?: number } = {}): void {
  const at = join(base, 'bin', program);
  const note = `for word; do printf '%s\\n' "$word"; done > "$0.args"; env > "$0.env"; pwd > "$0.cwd"`;
  writeFileSync(`${at}.out`, out);
  writeFileSync(at, `#!/bin/sh\n${note}\ncat "$0.out"\nexit ${code}\n`);
  chmodSync(at, 0o755);
}

const noted = (program: string, what: 'args' | 'env' | 'cwd'): string[] =>
  readFileSync(join(base, 'bin', `${program}.${what}`), 'utf8')
    .split('\n')
    .slice(0, -1);

const put = (path: string, text: string): void => {
  const at = join(base, 'project', path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, text);
};

const told: (string | undefined)[] = [];
const running = (): Running => ({
  signal: new AbortController().signal,
  progress: (_done, _total, message) => void told.push(message),
});

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'spec-quality-')));
  for (const folder of ['project', 'bin', 'home']) mkdirSync(join(base, folder));
  const path = [join(base, 'bin'), '/usr/bin', '/bin'].join(delimiter);
  project = {
    workspace: createWorkspaces({ roots: [join(base, 'project')], now: () => 0 }).open(),
    env: { PATH: path, HOME: join(base, 'home'), CANARY_SECRET: 'canary-4711-canary', NODE_OPTIONS: '--no-warnings' },
  };
  told.length = 0;
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

type Row = readonly [check: Check, wishes: Partial<Wishes>, command: string | undefined];
interface Kind {
  readonly files: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

const FIX = { fix: true };
const COVERAGE = { coverage: true };
const SCRIPTS = JSON.stringify({ scripts: { test: 'x', lint: 'x' }, devDependencies: { prettier: '3' } });
const PLUGINS =
  '<artifactId>spotless-maven-plugin</artifactId> maven-checkstyle-plugin jacoco-maven-plugin dependency-check-maven versions-maven-plugin';

/** The words after the first are told by the stand-in itself. `undefined`: the project has no such command. */
const KINDS: Readonly<Record<string, Kind>> = {
  npm: {
    files: { 'package.json': SCRIPTS },
    rows: [
      ['format', {}, 'npx --no-install prettier --check .'],
      ['format', FIX, 'npx --no-install prettier --write .'],
      ['lint', {}, 'npm run lint'],
      ['lint', FIX, undefined],
      ['test', COVERAGE, 'npm run test'],
      ['audit', {}, 'npm audit --json'],
      ['audit', FIX, 'npm audit fix --ignore-scripts'],
      ['outdated', {}, 'npm outdated --json'],
      ['outdated', FIX, 'npm update --dry-run --ignore-scripts'],
    ],
  },
  pnpm: {
    files: { 'package.json': SCRIPTS, 'pnpm-lock.yaml': '' },
    rows: [
      ['test', {}, 'pnpm run test'],
      ['audit', FIX, 'pnpm audit --fix'],
      ['outdated', FIX, undefined],
    ],
  },
  yarn: {
    files: { 'package.json': SCRIPTS, 'yarn.lock': '' },
    rows: [
      ['test', {}, 'yarn run test'],
      ['audit', {}, 'yarn audit --json'],
      ['audit', FIX, undefined],
      ['outdated', {}, 'yarn outdated --json'],
    ],
  },
  'yarn of today': {
    files: { 'package.json': SCRIPTS, 'yarn.lock': '', '.yarnrc.yml': '' },
    rows: [
      ['test', {}, 'yarn run test'],
      ['audit', {}, 'yarn npm audit --json'],
      ['outdated', {}, undefined],
    ],
  },
  bun: {
    files: { 'package.json': SCRIPTS, 'bun.lockb': '' },
    rows: [
      ['test', {}, 'bun run test'],
      ['audit', {}, 'bun audit --json'],
    ],
  },
  python: {
    files: { 'pyproject.toml': '[project]\nname = "x"\n' },
    rows: [
      ['format', {}, 'ruff format --check .'],
      ['format', FIX, 'ruff format .'],
      ['lint', {}, 'ruff check .'],
      ['lint', FIX, 'ruff check --fix .'],
      ['test', {}, 'python3 -m pytest -q'],
      ['test', COVERAGE, 'python3 -m pytest -q --cov'],
      ['audit', {}, 'pip-audit'],
      ['audit', FIX, 'pip-audit --fix'],
      ['outdated', {}, 'python3 -m pip list --outdated'],
      ['outdated', FIX, undefined],
    ],
  },
  'python with requirements': {
    files: { 'requirements.txt': 'flask==3\nblack\nflake8\n' },
    rows: [
      ['format', {}, 'black --check .'],
      ['lint', {}, 'flake8 .'],
      ['lint', FIX, undefined],
      ['audit', {}, 'pip-audit --requirement requirements.txt'],
    ],
  },
  rust: {
    files: { 'Cargo.toml': '[package]\n' },
    rows: [
      ['format', {}, 'cargo fmt --check'],
      ['format', FIX, 'cargo fmt'],
      ['lint', {}, 'cargo clippy -- -D warnings'],
      ['lint', FIX, 'cargo clippy --fix --allow-dirty --allow-staged -- -D warnings'],
      ['test', {}, 'cargo test'],
      ['test', COVERAGE, 'cargo llvm-cov'],
      ['audit', {}, 'cargo audit'],
      ['audit', FIX, undefined],
      ['outdated', {}, 'cargo outdated --exit-code 1'],
      ['outdated', FIX, 'cargo update --dry-run'],
    ],
  },
  go: {
    files: { 'go.mod': 'module x\n' },
    rows: [
      ['format', {}, 'gofmt -l .'],
      ['format', FIX, 'gofmt -w .'],
      ['lint', {}, 'go vet ./...'],
      ['test', COVERAGE, 'go test -cover ./...'],
      ['audit', {}, 'govulncheck ./...'],
      ['outdated', {}, 'go list -m -u -f {{if .Update}}{{.Path}} {{.Version}} {{.Update.Version}}{{end}} all'],
    ],
  },
  maven: {
    files: { 'pom.xml': PLUGINS },
    rows: [
      ['format', {}, 'mvn --batch-mode spotless:check'],
      ['format', FIX, 'mvn --batch-mode spotless:apply'],
      ['lint', {}, 'mvn --batch-mode checkstyle:check'],
      ['test', {}, 'mvn --batch-mode test'],
      ['test', COVERAGE, 'mvn --batch-mode test jacoco:report'],
      ['audit', {}, 'mvn --batch-mode dependency-check:check'],
      ['outdated', {}, 'mvn --batch-mode versions:display-dependency-updates'],
    ],
  },
  'maven without plugins': {
    files: { 'pom.xml': '<project/>' },
    rows: [
      ['format', {}, undefined],
      ['lint', {}, undefined],
      ['test', {}, 'mvn --batch-mode test'],
    ],
  },
  gradle: {
    files: {
      'build.gradle.kts':
        'plugins { id("com.diffplug.spotless"); checkstyle; jacoco; id("org.owasp.dependencycheck") }',
    },
    rows: [
      ['format', FIX, 'gradle --console=plain spotlessApply'],
      ['lint', {}, 'gradle --console=plain check -x test'],
      ['test', COVERAGE, 'gradle --console=plain test jacocoTestReport'],
      ['audit', {}, 'gradle --console=plain dependencyCheckAnalyze'],
      ['outdated', {}, undefined],
    ],
  },
};

// Stand-ins are programs of a POSIX shell.
describe.skipIf(process.platform === 'win32')('a check of a project (POSIX: stand-ins are shell scripts)', () => {
  it.each(Object.entries(KINDS))('of %s runs the command of its kind', async (_name, { files, rows }) => {
    for (const [path, text] of Object.entries(files)) put(path, text);
    const ran: unknown[] = [];
    for (const [check, wishes, wanted = ''] of rows) {
      const [program = ''] = wanted.split(' ');
      if (program !== '') standIn(program, { code: 3 });
      const { command, exitCode, passed } = await runCheck(project, check, wishes, running()).catch((error: Error) => ({
        command: error.message.includes(`no command for ${check}`) ? undefined : error.message,
        exitCode: 3,
        passed: false,
      }));
      const words = command === undefined ? undefined : [program, ...noted(program, 'args')].join(' ');
      ran.push([check, command, words, exitCode, passed]);
    }
    expect(ran).toEqual(rows.map(([check, , wanted]) => [check, wanted, wanted, 3, false]));
  });

  it('hands each word on as one word', async () => {
    put('go.mod', 'module x\n');
    standIn('go');
    await runCheck(project, 'outdated', {}, running());
    expect(noted('go', 'args')[4]).toBe('{{if .Update}}{{.Path}} {{.Version}} {{.Update.Version}}{{end}}');
  });

  it('fails where a tool lists what is wrong and ends with 0', async () => {
    put('go.mod', 'module x\n');
    standIn('gofmt', { out: 'main.go\n' });
    standIn('go', { out: '\n\nexample.com/a v1.0.0 v1.1.0\n' });
    expect(await runCheck(project, 'format', {}, running())).toMatchObject({ passed: false, output: 'main.go' });
    expect(await runCheck(project, 'format', { fix: true }, running())).toMatchObject({ passed: true });
    expect(await runCheck(project, 'outdated', {}, running())).toMatchObject({ passed: false, exitCode: 0 });
    standIn('go', { out: '\n\n' });
    expect(await runCheck(project, 'outdated', {}, running())).toMatchObject({ passed: true, exitCode: 0 });
  });

  it('P1-10/P3-08 gets CI, the folder of the project and none of our environment; it is told of as it runs', async () => {
    put('Cargo.toml', '[package]\n');
    standIn('cargo', { out: 'compiling\nrunning 3 tests\n' });
    await runCheck(project, 'test', {}, running());
    expect(noted('cargo', 'cwd')).toEqual([join(base, 'project')]);
    const names = noted('cargo', 'env').map((line) => line.split('=')[0]);
    expect(names).toEqual(expect.arrayContaining(['CI', 'HOME', 'PATH', 'NO_COLOR']));
    expect(names.filter((name) => /CANARY|NODE_OPTIONS/.test(name ?? ''))).toEqual([]);
    expect(told).toEqual(['cargo is running', 'running 3 tests']);
  });

  it('is ended when its time is over, which the call may set, and which a narrower one keeps short', async () => {
    put('Cargo.toml', '[package]\n');
    writeFileSync(join(base, 'bin/cargo'), '#!/bin/sh\nsleep 60\n', { mode: 0o755 });
    await expect(runCheck(project, 'test', {}, { ...running(), timeoutMs: 100 })).rejects.toThrowError(
      /took longer than 100 ms and was ended/,
    );
    const narrow = { ...project, longestMs: 50 };
    await expect(runCheck(narrow, 'test', {}, { ...running(), timeoutMs: 60_000 })).rejects.toThrowError(/than 50 ms/);
  });

  it('is no check where nothing says which kind it is', async () => {
    await expect(runCheck(project, 'test', {}, running())).rejects.toMatchObject({ code: 'missing_step' });
    put('go.mod', 'module x\n');
    await expect(runCheck(project, 'test', {}, running())).rejects.toThrowError(/go cannot be run. Is it installed/);
  });
});

describe.skipIf(process.platform === 'win32')('licences (POSIX: stand-ins are shell scripts)', () => {
  const refused = async (wanted?: readonly string[]): Promise<string[]> =>
    (await checkLicences(project, running(), wanted)).packages
      .filter(({ allowed }) => !allowed)
      .map(({ name, licence }) => `${name} ${licence}`);

  it('of Python come from pip-licenses', async () => {
    put('requirements.txt', 'flask\n');
    const rows = [
      { Name: 'flask', License: 'BSD-3-Clause', Version: '3' },
      { Name: 'a', License: 'MIT License; Apache Software License' },
      { Name: 'b', License: 'GNU General Public License v3 (GPLv3)' },
      { Name: 'c', License: 'UNKNOWN' },
    ];
    standIn('pip-licenses', { out: JSON.stringify(rows) });
    expect(await refused()).toEqual(['b GNU General Public License v3 (GPLv3)', 'c UNKNOWN']);
    expect(await refused(['GNU General Public License v3 (GPLv3)'])).toHaveLength(3);
    expect(noted('pip-licenses', 'args')).toEqual(['--format', 'json']);
  });

  it('of Rust come from cargo-license, of Go from go-licenses', async () => {
    put('Cargo.toml', '');
    const crates = [
      { name: 'a', license: 'MIT/Apache-2.0' },
      { name: 'b', license: 'MIT AND GPL-3.0' },
      { name: 'c', license: null },
    ];
    standIn('cargo', { out: JSON.stringify(crates) });
    expect(await refused()).toEqual(['b MIT AND GPL-3.0', 'c UNKNOWN']);
    expect(noted('cargo', 'args')).toEqual(['license', '--json']);
    rmSync(join(base, 'project/Cargo.toml'));
    put('go.mod', 'module x\n');
    standIn('go-licenses', { out: 'example.com/a,https://x,MIT\nexample.com/b,Unknown,Unknown\n' });
    expect(await refused()).toEqual(['example.com/b UNKNOWN']);
    standIn('go-licenses', { out: 'example.com/a,https://x,MIT\n', code: 1 });
    await expect(refused()).rejects.toMatchObject({ code: 'command_failed' });
  });

  it('of Node are those of the lock, or of what is installed', async () => {
    put('package.json', '{}');
    await expect(refused()).rejects.toMatchObject({ code: 'missing_step' });
    put('node_modules/a/package.json', '{"license":"MIT"}');
    put('node_modules/@s/b/package.json', '{"licenses":[{"type":"ISC"}]}');
    put('node_modules/c/package.json', '{"license":{"type":"GPL-3.0"}}');
    put('node_modules/.bin/x', '');
    expect(await refused()).toEqual(['c GPL-3.0']);
    put('package-lock.json', '{"packages":{"":{},"node_modules/d":{"license":"SSPL-1.0"}}}');
    expect(await refused()).toEqual(['d SSPL-1.0']);
    put('package-lock.json', JSON.stringify({ packages: { 'node_modules/e': { license: '('.repeat(1_000_000) } } }));
    expect(await refused()).toHaveLength(1);
    expect(existsSync(join(base, 'bin/npm.args'))).toBe(false);
  });

  it('of a kind without a tool are not told', async () => {
    put('pom.xml', '');
    await expect(refused()).rejects.toThrowError(/no command for licences/);
  });
});
