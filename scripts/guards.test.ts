/**
 * Every guard of the repository against a bad example that it has to refuse: licences, bill of materials, audit, lock
 * file, leaks, tarballs, stale files. The commands that the guards start are replaced where they need a network.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { main as audit, readAudit } from './audit.ts';
import { runSteps, without } from './check.ts';
import { main as generate } from './generated.ts';
import { absoluteSources, entropyBits, findLeaks, leakRules } from './leaks.ts';
import { declaredLicence, isAllowed, main as licences } from './licences.ts';
import { lockProblems, readLock } from './lockfile.ts';
import { versionProblems } from './release-version.ts';
import { capture, type Capture } from './run.ts';
import { compare, fromPurl, main as sbom, shippedPart } from './sbom.ts';
import { main as secrets, scan } from './secrets.ts';
import { tarballFiles, tarballProblems } from './tarball.ts';
import { readManifest } from './workspace.ts';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

type Files = Readonly<Record<string, unknown>>;

/** A temporary folder with these files; what is not a string is written as JSON. */
function folderOf(files: Files): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-guards-'));
  folders.push(folder);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

function lockOf(packages: Readonly<Record<string, object>>): object {
  const entries = Object.entries(packages).map(([name, entry]) => [
    `node_modules/${name}`,
    { version: '1.0.0', integrity: 'sha512-x', license: 'MIT', ...entry },
  ]);
  return { lockfileVersion: 3, packages: { '': { name: 'root' }, ...(Object.fromEntries(entries) as object) } };
}

/** Runs a guard and keeps what it writes. */
function said(guard: (write: (line: string) => void) => number): { code: number; text: string } {
  const lines: string[] = [];
  const code = guard((line) => lines.push(line));
  return { code, text: lines.join('\n') };
}

function answering(stdout: unknown, code = 0): Capture {
  return () => ({ code, stdout: typeof stdout === 'string' ? stdout : JSON.stringify(stdout), stderr: '' });
}

describe('licences', () => {
  const run = (packages: Readonly<Record<string, object>>, installed: Files): { code: number; text: string } => {
    const folder = folderOf({ 'package-lock.json': lockOf(packages), ...installed });
    return said((write) => licences(folder, write));
  };

  it('accepts what is on the list', () => {
    expect(run({ good: {} }, { 'node_modules/good/package.json': { license: '(MIT OR GPL-3.0-only)' } })).toEqual({
      code: 0,
      text: 'licences: 1 packages (1 shipped), 0 refused',
    });
  });

  it.each([
    ['a copyleft licence', {}, { license: 'GPL-3.0-only' }, 'REFUSED: bad@1.0.0: GPL-3.0-only'],
    ['one in development', { dev: true }, { license: 'AGPL-3.0-only' }, 'REFUSED: bad@1.0.0: AGPL-3.0-only'],
    ['no licence', {}, {}, 'REFUSED: bad@1.0.0: none declared'],
    ['one that only the lock file shows', { license: 'SSPL-1.0' }, { license: 'MIT' }, 'REFUSED: bad@1.0.0: SSPL-1.0'],
    ['half of an AND', {}, { license: 'MIT AND GPL-2.0-only' }, 'REFUSED: bad@1.0.0: MIT AND GPL-2.0-only'],
  ])('refuses %s', (_what, entry, manifest, line) => {
    const outcome = run({ bad: entry }, { 'node_modules/bad/package.json': manifest });
    expect(outcome.code).toBe(1);
    expect(outcome.text).toContain(line);
  });

  it('reads the lock file for what is not installed here, and insists on the rest', () => {
    expect(run({ other: { optional: true, license: 'GPL-2.0-only' } }, {}).code).toBe(1);
    expect(run({ other: { optional: true } }, {}).code).toBe(0);
    expect(run({ lost: {} }, {}).text).toContain('REFUSED: lost@1.0.0: not installed: run npm ci');
  });

  it('shows an exception with its reason, and only while it is not shipped', () => {
    const manifest = { 'node_modules/lightningcss/package.json': { license: 'MPL-2.0' } };
    const inDevelopment = run({ lightningcss: { dev: true } }, manifest);
    expect(inDevelopment.code).toBe(0);
    expect(inDevelopment.text).toContain('exception: lightningcss@1.0.0: MPL-2.0 (comes with the test runner');
    expect(run({ lightningcss: {} }, manifest).code).toBe(1);
  });

  it('reads SPDX expressions and older manifests', () => {
    const answers = [
      'MIT',
      '(MIT AND Zlib)',
      'GPL-3.0-only OR (ISC AND MIT)',
      'MIT OR',
      '(MIT',
      '',
      'MIT ISC',
      'GPL-2.0 WITH x',
    ];
    expect(answers.map(isAllowed)).toEqual([true, true, true, false, false, false, false, false]);
    expect(declaredLicence({ license: { type: 'MIT' } })).toBe('MIT');
    expect(declaredLicence({ licenses: [{ type: 'MIT' }, { type: 'GPL' }] })).toBe('(MIT OR GPL)');
    expect(declaredLicence({ license: 3 })).toBeUndefined();
  });
});

describe('bill of materials', () => {
  const component = (name: string, development = false): object => ({
    'bom-ref': `${name}@1.0.0`,
    purl: `pkg:npm/${name.replace('@', '%40')}@1.0.0`,
    properties: development ? [{ name: 'cdx:npm:package:development', value: 'true' }] : [],
  });
  const bill = (...components: object[]): object => ({ bomFormat: 'CycloneDX', components });
  const repository = (): string =>
    folderOf({
      'package.json': { name: 'root', version: '1.0.0' },
      'bench/package.json': { name: 'bench', version: '1.0.0' },
      'packages/own/package.json': { name: '@x/own', version: '1.0.0' },
      'package-lock.json': lockOf({ shipped: {}, tool: { dev: true } }),
    });

  it('P2-15 P4-19 writes a bill of exactly what is shipped', () => {
    const folder = repository();
    const whole = bill(component('shipped'), component('@x/own'), component('tool', true));
    expect(said((write) => sbom(folder, answering(whole), write)).code).toBe(0);
    const written = JSON.parse(readFileSync(join(folder, 'sbom.json'), 'utf8')) as { components: object[] };
    expect(written.components).toEqual([component('shipped'), component('@x/own')]);
  });

  it.each([
    ['misses a package', bill(component('@x/own')), 'missing in the bill: shipped@1.0.0'],
    [
      'lists a tool',
      bill(component('shipped'), component('tool')),
      "in the bill, not in the lock file's production set: tool@1.0.0",
    ],
    ['is of another kind', { spdxVersion: '2.3' }, 'the bill is not CycloneDX'],
    ['hides a name', bill(component('shipped'), { purl: 'pkg:deb/x@1' }), 'a component without a purl'],
  ])('refuses a bill that %s, and writes none', (_what, bom, line) => {
    const folder = repository();
    const outcome = said((write) => sbom(folder, answering(bom), write));
    expect(outcome.code).toBe(1);
    expect(outcome.text).toContain(line);
    expect(() => readFileSync(join(folder, 'sbom.json'))).toThrow(/ENOENT/);
  });

  it('leaves no reference to what it leaves out', () => {
    const dependencies = [
      { ref: 'shipped@1.0.0', dependsOn: ['tool@1.0.0'] },
      { ref: 'tool@1.0.0', dependsOn: [] },
    ];
    const part = shippedPart({ ...bill(component('shipped'), component('tool', true)), dependencies });
    expect(part.dependencies).toEqual([{ ref: 'shipped@1.0.0', dependsOn: [] }]);
    expect(compare(part, [], new Set(['shipped@1.0.0']))).toEqual([]);
  });

  it('reads package URLs of npm only', () => {
    const urls = ['pkg:npm/a@1', 'pkg:npm/%40b/c@2.0.0-x?vcs_url=y', 'pkg:deb/d@3', ''];
    expect(urls.map(fromPurl)).toEqual(['a@1', '@b/c@2.0.0-x', undefined, undefined]);
  });
});

describe('audit', () => {
  const counts = (high: number): object => ({ metadata: { vulnerabilities: { high, critical: 0, low: 4 } } });
  const run = (npm: Capture, requireAnswer = false, lock = lockOf({})): { code: number; text: string } => {
    const folder = folderOf({ 'package-lock.json': lock });
    return said((write) => audit(folder, requireAnswer, npm, write));
  };

  it('passes a clean report', () => {
    expect(run(answering(counts(0)))).toEqual({
      code: 0,
      text: 'audit: no known high or critical holes in what is shipped',
    });
  });

  it('P2-15 P4-19 fails on findings', () => {
    const report = { ...counts(1), vulnerabilities: { a: { severity: 'high', range: '<2' }, b: { severity: 'low' } } };
    expect(run(answering(report, 1))).toEqual({ code: 1, text: 'audit: high: a <2' });
    expect(run(answering(counts(2), 1)).text).toBe('audit: npm audit counts 2 and ended with 1');
  });

  it.each([
    ['refusal', answering({ message: '405 Method Not Allowed', error: { summary: '' } }, 1), '405 Method Not Allowed'],
    ['network error', answering({ error: { code: 'ENOTFOUND', summary: 'no such host' } }, 1), 'no such host'],
    ['page of a proxy', answering('<html>', 0), 'npm audit ended with 0'],
    ['empty report', answering({}, 0), 'npm audit ended with 0'],
  ])('says that a %s is no answer, and fails where one is required', (_what, capturing, reason) => {
    const text = `audit NOT done: the registry gave no answer (${reason})`;
    expect(run(capturing)).toEqual({ code: 0, text });
    expect(run(capturing, true)).toEqual({ code: 1, text });
  });

  it('does not take a failure of npm for a clean report', () => {
    expect(readAudit({ code: 1, stdout: JSON.stringify(counts(0)), stderr: '' }).kind).toBe('findings');
  });

  it.each([
    [
      'a git dependency',
      { resolved: 'git+ssh://git@example.com/a.git#1' },
      'a@1.0.0 names where it comes from (git+ssh:)',
    ],
    ['a URL of a registry', { resolved: 'https://example.com/a.tgz' }, 'a@1.0.0 names where it comes from (https:)'],
    ['no integrity', { integrity: undefined }, 'a@1.0.0 has no sha512 integrity'],
    ['a weak integrity', { integrity: 'sha1-x' }, 'a@1.0.0 has no sha512 integrity'],
    ['an install script', { hasInstallScript: true }, 'a@1.0.0 has an install script'],
  ])('SUP-01 fails on %s in the lock file', (_what, entry, line) => {
    const outcome = run(answering(counts(0)), false, lockOf({ a: entry }));
    expect(outcome.code).toBe(1);
    expect(outcome.text).toContain(line);
  });

  it('knows the packages of the lock file', () => {
    const lock = {
      lockfileVersion: 3,
      packages: { 'a/node_modules/@b/c': { version: '2' }, 'node_modules/own': { link: true } },
    };
    const locked = readLock(join(folderOf({ 'package-lock.json': lock }), 'package-lock.json'));
    expect(locked.map((each) => each.name)).toEqual(['@b/c']);
    expect(lockProblems(locked, [])).toHaveLength(1);
    const old = folderOf({ 'package-lock.json': { lockfileVersion: 1 } });
    expect(() => readLock(join(old, 'package-lock.json'))).toThrow(/lockfileVersion 3 is expected/);
  });
});

const random = 'q7Zt3vKx9LpW2mRb8YcN5dFh';

/** Canaries with a `~` in them, taken out at run time, so that neither this scanner nor another finds them here. */
const canaries: readonly (readonly [rule: string, text: string])[] = (
  [
    ['private-key', `-----BEGIN RSA PRIV~ATE KEY-----\nMIIEowIBAAKCAQEAx1${random}`],
    ['aws-key', 'AKI~AIOSFODNN7EXAMPLE'],
    ['github-token', `gh~p_${random}${random.slice(0, 12)}`],
    ['gitlab-token', `gl~pat-${random}`],
    ['npm-token', `npm~_${random}${random.slice(0, 12)}`],
    ['npmrc-token', `//host/:_auth~Token=${random}`],
    ['slack-token', 'xox~b-1234567890-abc'],
    ['google-key', `AI~za${random}${random.slice(0, 11)}`],
    ['model-key', `sk~-ant-api03-${random}${random}`],
    ['stripe-key', `sk_li~ve_${random}`],
    ['jwt', `ey~JhbGciOiJIUzI1NiJ9.ey~JzdWIiOiIxMjM0NSJ9.${random}`],
    ['url-password', `postgres:/~/admin:${random}@db.example.com`],
    ['assigned-secret', `const apiKey = '${random}';`],
    ['assigned-secret', `"client_secret": "${random}"`],
    ['machine-path', '/place/of/mine/file.ts'],
    ['registry-host', 'https://registry.example.com/a.tgz'],
  ] as const
).map(([rule, text]) => [rule, text.replaceAll('~', '')]);

describe('leaks', () => {
  const rules = leakRules(['/place/of/mine'], ['registry.example.com']);

  it.each(canaries)('finds %s', (rule, text) => {
    const leaks = findLeaks(`first line\n${text}\n`, rules);
    expect(leaks.map((each) => each.rule)).toContain(rule);
    expect(leaks[0]?.line).toBe(2);
    expect(leaks[0]?.excerpt.length).toBeLessThan(16);
  });

  it.each([
    "const apiKey = 'your-key-goes-here-please';",
    'token: "${SALLYPORT_KEY}"',
    "password: 'aaaaaaaaaaaaaaaaaaaaaaa1'",
    'https://user@example.com/path',
    '_authToken=${NPM_TOKEN}',
    '/some/place/of/mine and /place/of/mines',
    'myregistry.example.community',
    'integrity sha512-q7Zt3vKx9LpW2mRb8YcN5dFh==',
  ])('is quiet about %s', (text) => {
    expect(findLeaks(text, rules)).toEqual([]);
  });

  it('measures entropy in bits per character', () => {
    expect([entropyBits('aaaa'), entropyBits('abab'), entropyBits('abcd')]).toEqual([0, 1, 2]);
  });

  it('finds absolute paths in source maps', () => {
    expect(
      absoluteSources(JSON.stringify({ sources: ['../src/a.ts', '/w/a.ts', 'file:///w/b.ts', 'C:\\w'] })),
    ).toHaveLength(3);
    expect(absoluteSources(JSON.stringify({ sources: ['a.ts'], sourceRoot: '/w' }))).toEqual(['/w']);
    expect(absoluteSources('{')).toEqual(['not a source map']);
  });

  it('covers a find only by file and rule, and reports an entry that covers nothing', () => {
    const texts = [{ path: 'a.ts', text: '/place/of/mine' }];
    const entry = { path: 'a.ts', rule: 'machine-path', reason: 'needed' };
    expect(scan(texts, rules, [entry])).toEqual([]);
    expect(scan(texts, rules, [{ ...entry, rule: 'jwt' }])).toHaveLength(2);
    expect(scan(texts, rules, [entry, { ...entry, path: 'b.ts' }])).toEqual([
      'scripts/secrets.ts: nothing needs the entry b.ts [machine-path]',
    ]);
  });
});

const goodPackage: Files = {
  'packages/a/package.json': { name: 'a', version: '1.0.0', exports: { '.': './dist/index.js' }, files: ['dist'] },
  'packages/a/README.md': 'a',
  'packages/a/LICENSE': 'a',
  'packages/a/dist/index.js': 'export {};',
};

describe('tree and tarballs', () => {
  const run = (files: Files): { code: number; text: string } => {
    const folder = folderOf({ 'package.json': { name: 'root' }, '.gitignore': 'dist/\n', ...goodPackage, ...files });
    expect(capture(['git', 'init', '--quiet'], folder).code).toBe(0);
    return said((write) => secrets(folder, [], capture, write));
  };

  it('passes a clean repository', () => {
    expect(run({})).toEqual({
      code: 0,
      text: 'a: 4 files in the tarball\nsecrets: 5 files of the tree, 0 problems',
    });
  });

  it('SUP-01 fails on a secret in a file that git does not know yet', () => {
    const outcome = run({ 'deep/new.txt': canaries[2]?.[1] ?? '' });
    expect(outcome.code).toBe(1);
    expect(outcome.text).toContain('deep/new.txt:1 [github-token]');
  });

  it('fails on a secret that only the build holds', () => {
    const outcome = run({ 'packages/a/dist/index.js': canaries[0]?.[1] ?? '' });
    expect(outcome.code).toBe(1);
    expect(outcome.text).toContain('tarball of a: packages/a/dist/index.js:1 [private-key]');
  });

  it('fails on the path of the checkout and on the host of a registry', () => {
    const folder = folderOf({ 'package.json': { name: 'root' }, ...goodPackage });
    writeFileSync(join(folder, 'a.md'), `${folder}/x and https://registry.npmjs~.org/a`.replace('~', ''));
    expect(capture(['git', 'init', '--quiet'], folder).code).toBe(0);
    const outcome = said((write) => secrets(folder, [], capture, write));
    expect(outcome.code).toBe(1);
    expect(outcome.text).toContain('a.md:1 [machine-path]');
    expect(outcome.text).toContain('a.md:1 [registry-host]');
  });

  it('lists what npm would pack', () => {
    const folder = join(folderOf(goodPackage), 'packages/a');
    expect(tarballFiles(folder, capture)).toEqual(['LICENSE', 'README.md', 'dist/index.js', 'package.json']);
  });

  const files = ['LICENSE', 'README.md', 'dist/index.js', 'package.json'];

  it.each([
    ['src/a.ts', 'src/a.ts has no place in a tarball'],
    ['dist/a.test.js', 'dist/a.test.js has no place in a tarball'],
    ['dist/.tsbuildinfo', 'dist/.tsbuildinfo has no place in a tarball'],
    ['.env', '.env has no place in a tarball'],
  ])('refuses %s', (path, line) => {
    const folder = join(folderOf(goodPackage), 'packages/a');
    const manifest = readManifest(join(folder, 'package.json'));
    expect(tarballProblems(folder, manifest, files)).toEqual([]);
    expect(tarballProblems(folder, manifest, [...files, path])).toEqual([line]);
  });

  it('refuses missing files, absolute paths in maps and install scripts', () => {
    const map = { 'packages/a/dist/index.js.map': { sources: ['/w/index.ts'] } };
    const folder = join(folderOf({ ...goodPackage, ...map }), 'packages/a');
    const manifest = {
      ...readManifest(join(folder, 'package.json')),
      bin: { a: './bin/a.js' },
      scripts: { postinstall: 'x' },
    };
    expect(tarballProblems(folder, manifest, ['package.json', 'README.md', 'dist/index.js.map'])).toEqual([
      'LICENSE is missing: write it, or build first',
      'bin/a.js is missing: write it, or build first',
      'dist/index.js is missing: write it, or build first',
      'dist/index.js.map names /w/index.ts',
      'has the install script postinstall',
    ]);
  });
});

describe('generated files', () => {
  const one = { file: 'out/a.json', command: ['generator'] as const, needs: 'generator.ts' };
  const run = (files: Files, checkOnly: boolean, text = 'made'): { code: number; text: string; folder: string } => {
    const folder = folderOf({ 'generator.ts': '', ...files });
    return { folder, ...said((write) => generate(folder, [one], checkOnly, answering(text), write)) };
  };

  it('passes what is up to date, fails what is stale or missing', () => {
    expect(run({ 'out/a.json': 'made' }, true).code).toBe(0);
    expect(run({ 'out/a.json': 'old' }, true).text).toContain('out/a.json: STALE');
    expect(run({}, true).text).toContain('out/a.json: MISSING');
    expect(run({}, true).code).toBe(1);
  });

  it('writes', () => {
    const outcome = run({}, false);
    expect(outcome.code).toBe(0);
    expect(readFileSync(join(outcome.folder, 'out/a.json'), 'utf8')).toBe('made');
  });

  it('skips by name what has no generator yet, and fails when the file is there without it', () => {
    const skipped = { ...one, needs: 'later.ts' };
    const folder = folderOf({});
    expect(said((write) => generate(folder, [skipped], true, answering(''), write))).toEqual({
      code: 0,
      text: 'out/a.json: skipped, its generator later.ts does not exist',
    });
    const orphan = folderOf({ 'out/a.json': 'x' });
    expect(said((write) => generate(orphan, [skipped], true, answering(''), write)).code).toBe(1);
  });

  it('does not take a broken generator for an empty file', () => {
    const folder = folderOf({ 'generator.ts': '', 'out/a.json': '' });
    expect(() => generate(folder, [one], true, answering('', 3), () => {})).toThrow(/generator ended with 3/);
  });

  it.each([true, false])('does not take one that prints nothing for right (only looking: %s)', (checkOnly) => {
    const files = { 'generator.ts': '', 'out/a.json': '' };
    expect(() => run(files, checkOnly, '')).toThrow(/generator printed nothing: out\/a\.json would be empty/);
  });
});

describe('check', () => {
  const list = ['one', 'two', 'three'].map((name) => ({ name, command: [name] as const }));
  const clock = (): (() => number) => {
    const ticks = [0, 1500, 2000, 2250, 3000, 3100];
    return () => ticks.shift() ?? 0;
  };

  it('says what ran and how long', () => {
    const outcome = said((write) => runSteps(list, '/', () => 0, clock(), write));
    expect(outcome.code).toBe(0);
    expect(outcome.text).toContain('check passed: one 1.5 s, two 0.3 s, three 0.1 s');
  });

  it.each([1, 2, null])('stops at the first step that ends with %s', (code) => {
    const ran: string[] = [];
    const outcome = said((write) =>
      runSteps(list, '/', ([name]) => (ran.push(name), name === 'two' ? code : 0), clock(), write),
    );
    expect(outcome.code).toBe(1);
    expect(ran).toEqual(['one', 'two']);
    expect(outcome.text).toContain(`check FAILED at two (0.3 s): two ended with ${String(code)}`);
    expect(outcome.text).toContain('not run: three');
  });

  it('leaves out a step only by its name', () => {
    expect(without(list, ['--without', 'two']).map((each) => each.name)).toEqual(['one', 'three']);
    for (const args of [['--without'], ['--without', 'tow'], ['two']]) {
      expect(() => without(list, args)).toThrow(/NAME one of: one, two, three/);
    }
  });

  it('hears of a command that cannot start', () => {
    expect(capture(['sallyport-no-such-command'], tmpdir())).toMatchObject({ code: null });
  });
});

describe('release', () => {
  const manifest = { name: 'a', version: '1.2.3', dependencies: { b: '1.2.3', zod: '^4.0.0' } };
  const b = { folder: 'packages/b', manifest: { name: 'b', version: '1.2.3' } };

  it('passes when tag, versions and mutual dependencies are one', () => {
    expect(versionProblems('v1.2.3', [{ folder: 'packages/a', manifest }, b])).toEqual([]);
  });

  it('refuses another tag and another version of a package of the house', () => {
    expect(versionProblems('v1.2.4', [b])).toEqual(['b is 1.2.3, the tag says 1.2.4']);
    const old = { folder: 'packages/a', manifest: { ...manifest, dependencies: { b: '1.2.2' } } };
    expect(versionProblems('v1.2.3', [old, b])).toEqual(['a asks for b 1.2.2, the tag says 1.2.3']);
  });
});
