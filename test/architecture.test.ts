/**
 * The architecture of this repository, checked; and for every rule a bad example that it must catch, so that a rule
 * that went blind fails here.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeViolation, entryPoints, packageName, rules, type House } from '../scripts/architecture.ts';
import { exportNames } from '../scripts/exports.ts';
import { readHouse } from '../scripts/house.ts';
import { capture } from '../scripts/run.ts';
import { parseModules } from '../scripts/source.ts';
import { readPackages, root, type Manifest, type Package } from '../scripts/workspace.ts';

const entry = { '.': { types: './dist/index.d.ts', default: './dist/index.js' } };

function pack(folder: string, name: string, more: Partial<Manifest> = {}): Package {
  return { folder: `packages/${folder}`, manifest: { name, version: '0.0.0', exports: entry, ...more } };
}

const packages = [
  pack('wire', '@sallyport/wire'),
  pack('host', '@sallyport/host'),
  pack('server', '@sallyport/server', { dependencies: { '@sallyport/wire': '0' } }),
  pack('client', '@sallyport/client', { dependencies: { undici: '8' } }),
  pack('gateway', 'sallyport', { dependencies: { '@sallyport/spec': '0' } }),
  pack('spec', '@sallyport/spec'),
];

function house(files: Readonly<Record<string, string>>): House {
  return { modules: parseModules(files), packages, testDependencies: ['vitest'] };
}

function broken(rule: string, files: Readonly<Record<string, string>>): string[] {
  const check = rules[rule];
  if (check === undefined) throw new Error(`there is no rule ${rule}`);
  return check(house(files)).map(describeViolation);
}

describe('this repository', () => {
  const found: { house?: House } = {};
  beforeAll(() => {
    found.house = readHouse(root, capture);
  });

  it('has sources of every package in sight', () => {
    const seen = new Set(found.house?.modules.map((each) => each.path));
    for (const each of readPackages(root)) {
      expect(Object.keys(entryPoints(each)), each.folder).not.toHaveLength(0);
      for (const path of Object.values(entryPoints(each))) expect(seen).toContain(path);
    }
  });

  it.each(Object.keys(rules))('keeps the rule %s', (rule) => {
    const violations = found.house === undefined ? undefined : rules[rule]?.(found.house).map(describeViolation);
    expect(violations).toEqual([]);
  });

  it('exports the names that test/exports.json pins (after a wanted change: npm run generate)', () => {
    const pinned: unknown = JSON.parse(readFileSync(join(root, 'test/exports.json'), 'utf8'));
    expect(exportNames(root, readPackages(root))).toEqual(pinned);
  });
});

describe('package-arrows', () => {
  it.each([
    ['packages/wire/src/a.ts', '@sallyport/host'],
    ['packages/host/src/a.ts', '@sallyport/wire'],
    ['packages/server/src/a.ts', '@sallyport/client'],
    ['packages/client/src/a.ts', '@sallyport/server'],
    ['packages/client/src/a.ts', 'sallyport'],
    ['packages/spec/src/a.ts', '@sallyport/client/oauth'],
    ['packages/server/src/a.test.ts', 'sallyport'],
  ])('%s must not import %s', (path, target) => {
    for (const text of [`import '${target}';`, `import type { A } from '${target}';`, `await import('${target}');`]) {
      expect(broken('package-arrows', { [path]: text })).toHaveLength(1);
    }
  });

  it('lets arrows point down, and spec be loaded only when asked for', () => {
    expect(broken('package-arrows', { 'packages/server/src/a.ts': "import '@sallyport/wire';" })).toEqual([]);
    expect(broken('package-arrows', { 'packages/gateway/src/a.ts': "await import('@sallyport/spec');" })).toEqual([]);
    expect(
      broken('package-arrows', { 'packages/gateway/src/a.ts': "import type { A } from '@sallyport/spec';" }),
    ).toEqual([]);
    expect(broken('package-arrows', { 'packages/gateway/src/a.ts': "import '@sallyport/spec';" })).toEqual([
      'packages/gateway/src/a.ts:1 [package-arrows] sallyport may load @sallyport/spec only with import() when it is asked for, but for its types',
    ]);
  });

  it('asks for a place for a package that it does not know', () => {
    const unknown = { ...house({ 'packages/x/src/a.ts': "import '@sallyport/wire';" }) };
    const withUnknown = { ...unknown, packages: [...packages, pack('x', '@sallyport/x')] };
    expect(rules['package-arrows']?.(withUnknown)).toHaveLength(1);
  });
});

describe('stays-in-package', () => {
  it('refuses a relative path into another package', () => {
    expect(broken('stays-in-package', { 'packages/server/src/a.ts': "import '../../wire/src/b.ts';" })).toHaveLength(1);
    expect(broken('stays-in-package', { 'packages/server/src/deep/a.ts': "import '../b.ts';" })).toEqual([]);
  });
});

describe('wire-is-pure', () => {
  it.each(['node:buffer', 'fs', 'undici', '@sallyport/host'])('refuses %s in wire', (target) => {
    expect(broken('wire-is-pure', { 'packages/wire/src/a.ts': `import type { A } from '${target}';` })).toHaveLength(1);
  });

  it('leaves its tests and other packages alone', () => {
    expect(broken('wire-is-pure', { 'packages/wire/src/a.test.ts': "import 'vitest';" })).toEqual([]);
    expect(broken('wire-is-pure', { 'packages/host/src/a.ts': "import 'node:fs';" })).toEqual([]);
  });
});

describe('rooms', () => {
  const at = (path: string, specifier: string): string[] =>
    broken('rooms', { [`packages/gateway/src/${path}`]: `import type { A } from '${specifier}';` });

  it.each([
    ['policy/index.ts', '../audit/index.ts'],
    ['policy/index.ts', '../gateway.ts'],
    ['policy/index.ts', '../cli/serve.ts'],
    ['policy/index.test.ts', '../audit/index.ts'],
    ['call.ts', './policy/index.ts'],
  ])('%s must not import %s', (path, specifier) => {
    expect(at(path, specifier)).toHaveLength(1);
  });

  it.each([
    ['policy/match/glob.ts', '../index.ts'],
    ['policy/index.ts', '../call.ts'],
    ['policy/index.ts', '../errors.ts'],
    ['index.ts', './policy/index.ts'],
    ['pipeline.ts', './policy/index.ts'],
    ['modules.ts', './policy/index.ts'],
    ['gateway.ts', './store/index.ts'],
    ['cli.ts', './config/index.ts'],
    ['cli/serve.ts', '../config/index.ts'],
    ['pipeline.test.ts', './policy/index.ts'],
  ])('%s may import %s', (path, specifier) => {
    expect(at(path, specifier)).toEqual([]);
  });
});

describe('cycles', () => {
  it('sees type-only cycles, cycles over a package, and a module that imports itself', () => {
    const a = "import type { B } from './b.ts';";
    const b = "export type { A } from './a.ts';";
    expect(broken('cycles', { 'packages/host/src/a.ts': a, 'packages/host/src/b.ts': b })).toEqual([
      'packages/host/src/a.ts:1 [cycles] imports in a circle: packages/host/src/a.ts, packages/host/src/b.ts',
    ]);
    const over = {
      'packages/wire/src/index.ts': "let a: import('./x.ts').A;",
      'packages/wire/src/x.ts': "import '@sallyport/wire';",
    };
    expect(broken('cycles', over)).toHaveLength(1);
    expect(broken('cycles', { 'test/a.ts': "import './a.ts';" })).toHaveLength(1);
  });

  it('is quiet about a diamond', () => {
    const files = {
      'test/a.ts': "import './b.ts'; import './c.ts';",
      'test/b.ts': "import './d.ts';",
      'test/c.ts': "import './d.ts';",
      'test/d.ts': '',
    };
    expect(broken('cycles', files)).toEqual([]);
  });
});

describe('exports and module state', () => {
  it('refuses default exports in every form, but not in config files', () => {
    for (const text of ['export default 1;', 'export default class A {}', 'const a = 1; export { a as default };']) {
      expect(broken('no-default-export', { 'scripts/a.ts': text })).toHaveLength(1);
    }
    expect(broken('no-default-export', { 'vitest.config.ts': 'export default 1;' })).toEqual([]);
  });

  it('refuses export *, not export * as name', () => {
    expect(broken('no-star-export', { 'scripts/a.ts': "export * from './b.ts';" })).toHaveLength(1);
    expect(broken('no-star-export', { 'scripts/a.ts': "export type * from './b.ts';" })).toHaveLength(1);
    expect(broken('no-star-export', { 'scripts/a.ts': "export * as b from './b.ts';" })).toEqual([]);
  });

  it('refuses let and var of a module, not those of a function or of a test', () => {
    expect(broken('no-module-let', { 'packages/host/src/a.test.ts': 'let folder: string;' })).toEqual([]);
    for (const text of ['let a = 1;', 'export let a = 1;', 'var a = 1;', 'let { a } = b;']) {
      expect(broken('no-module-let', { 'scripts/a.ts': text })).toHaveLength(1);
    }
    const inside = 'const a = 1; function f() { let b = 1; } { let c = 2; } for (let d = 0; ; ) {}';
    expect(broken('no-module-let', { 'scripts/a.ts': inside })).toEqual([]);
  });
});

describe('dependencies', () => {
  it('refuses an import that its package does not declare', () => {
    expect(broken('declared-imports', { 'packages/host/src/a.ts': "import 'undici/types';" })).toHaveLength(1);
    expect(broken('declared-imports', { 'packages/host/src/a.ts': "import 'vitest';" })).toHaveLength(1);
    expect(broken('declared-imports', { 'packages/host/src/a.test.ts': "import 'vitest';" })).toEqual([]);
    expect(broken('declared-imports', { 'packages/client/src/a.ts': "import { Pool } from 'undici';" })).toEqual([]);
    expect(broken('declared-imports', { 'test/a.ts': "import 'sallyport';" })).toEqual([]);
    expect(broken('declared-imports', { 'test/a.ts': "import 'undici';" })).toHaveLength(1);
  });

  it('refuses a dependency that only a test, or nobody, imports', () => {
    const complaint = 'packages/client/package.json:1 [used-dependencies] undici is declared and never imported';
    expect(broken('used-dependencies', { 'packages/client/src/a.test.ts': "import 'undici';" })).toContain(complaint);
    expect(broken('used-dependencies', { 'packages/client/src/a.ts': "await import('undici');" })).not.toContain(
      complaint,
    );
  });
});

describe('reading sources', () => {
  const read = (text: string): ReturnType<typeof parseModules>[number] => {
    const [module] = parseModules({ 'a.ts': text });
    if (module === undefined) throw new Error('nothing was read');
    return module;
  };

  it('finds imports of every kind and in odd places', () => {
    const text = `
      import a, { type B } from 'one';
      import type { C } from "two"; export { d } from 'three'; export type * from 'four';
      type E = import('five').E;
      const f = \`\${await import('six')}\`;
      import g = require('seven');
      const h = require(\`eight\`), i = import.meta.resolve('nine');
      import json from 'ten' with { type: 'json' };`;
    expect(read(text).imports.map((each) => each.specifier)).toEqual([
      'one',
      'two',
      'three',
      'four',
      'five',
      'six',
      'seven',
      'eight',
      'nine',
      'ten',
    ]);
    expect(read(text).imports.map((each) => each.line)).toEqual([2, 3, 3, 3, 4, 5, 6, 7, 7, 8]);
  });

  it('is not misled by text that looks like an import', () => {
    const text = `
      // import 'one';
      const a = "import 'two'", b = /import 'three'/, c = \`import 'four' \${'import "five"'}\`;
      /* export * from 'six' */ const d = { import: (x: string) => x, require: 1 }; d.import('seven');`;
    expect(read(text).imports).toEqual([]);
    expect(read(text).starExports).toEqual([]);
  });

  it('names everything that is exported', () => {
    const text = `
      export const { a, b: [c], ...d } = x; export function e() {} export class F {} export interface G {}
      export type H = 1; export { a as i, type G as J }; export * as k from 'k'; export abstract class L {}
      export async function* m() {} const hidden = 1; export declare const n: 1;`;
    expect(read(text).exports).toEqual(['F', 'G', 'H', 'J', 'L', 'a', 'c', 'd', 'e', 'i', 'k', 'm', 'n']);
  });

  it('refuses what is not TypeScript', () => {
    expect(() => read('import { from;')).toThrow(/a\.ts is not valid TypeScript/);
  });

  it('knows a package from its specifier', () => {
    expect(['@a/b/c', 'd/e', 'f', './g', 'node:fs', 'fs/promises'].map(packageName)).toEqual([
      '@a/b',
      'd',
      'f',
      undefined,
      undefined,
      undefined,
    ]);
  });
});
