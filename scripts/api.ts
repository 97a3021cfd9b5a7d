/**
 * Prints the API reference of a package out of its declarations and their docstrings: `node scripts/api.ts server`. What each
 * entry point exports is shown once, under its name, as it is declared. Needs a build.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { isExportDeclaration, isNamedExports, isStringLiteral } from 'typescript/unstable/ast/is';
import type { Node, SourceFile } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';
import { declaredNames } from './source.ts';
import { readPackages, root } from './workspace.ts';

/** One exported name. */
export interface Entry {
  readonly name: string;
  /** Its docstring without the stars; empty: it has none. */
  readonly text: string;
  /** All declarations of the name, those of overloads too. */
  readonly code: string;
}

const base = '/declarations';

/** The exports of `entry` by name, out of declaration files (relative path to text). Throws where a name leads nowhere. */
export function entriesOf(files: Readonly<Record<string, string>>, entry: string): Entry[] {
  const virtual: Record<string, string> = {
    [`${base}/tsconfig.json`]: JSON.stringify({ compilerOptions: { noLib: true, noResolve: true, types: [] } }),
  };
  for (const [path, text] of Object.entries(files)) virtual[`${base}/${path}`] = text;
  const api = new API({ cwd: base, fs: createVirtualFileSystem(virtual) });
  try {
    const project = `${base}/tsconfig.json`;
    const program = api.updateSnapshot({ openProjects: [project] }).getProject(project)?.program;
    const read = (path: string): SourceFile => {
      const file = program?.getSourceFile(`${base}/${path}`);
      if (file === undefined) throw new Error(`${path} is not among the declarations: build first`);
      return file;
    };
    return exportsOf(entry, read).toSorted((one, other) => one.name.localeCompare(other.name, 'en'));
  } finally {
    api.close();
  }
}

function exportsOf(path: string, read: (path: string) => SourceFile): Entry[] {
  const file = read(path);
  return file.statements.flatMap((statement) => {
    if (!isExportDeclaration(statement)) return [];
    const { exportClause, moduleSpecifier } = statement;
    if (exportClause === undefined || !isNamedExports(exportClause)) return [];
    if (moduleSpecifier === undefined || !isStringLiteral(moduleSpecifier)) return [];
    const from = posix.join(posix.dirname(path), moduleSpecifier.text.replace(/(?<!\.d)\.[jt]s$/, '.d.ts'));
    return exportClause.elements.map(({ name, propertyName }) => ({
      ...declared(propertyName?.text ?? name.text, moduleSpecifier.text, from, read),
      name: name.text,
    }));
  });
}

function declared(name: string, specifier: string, path: string, read: (path: string) => SourceFile): Entry {
  if (!specifier.startsWith('.')) return { name, text: `As \`${specifier}\` exports it.`, code: '' };
  const file = read(path);
  const statements = file.statements.filter((statement) => declaredNames(statement).includes(name));
  const [first] = statements;
  if (first !== undefined) {
    return { name, text: docOf(first, file), code: statements.map((each) => codeOf(each)).join('\n') };
  }
  // It only passes through.
  const passed = exportsOf(path, read).find((each) => each.name === name);
  if (passed === undefined) throw new Error(`${path} does not export ${name}`);
  return passed;
}

/** The last docstring before a statement; the first one of a file is the file's own. */
function docOf(statement: Node, file: SourceFile): string {
  const before = file.text.slice(statement.pos, statement.end - statement.getText().length);
  const comments = [...before.matchAll(/\/\*\*([\s\S]*?)\*\//g)].map(([, text = '']) => text);
  const own = statement.pos === 0 ? comments.slice(1) : comments;
  const lines = (own.at(-1) ?? '').split('\n').map((line) => line.replace(/^\s*\* ?/, '').trimEnd());
  return prose(lines.join('\n').trim());
}

/** `{@link name}` and an example as Markdown has them. */
function prose(text: string): string {
  return text
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .replace(/@example\n([\s\S]*)$/, (_whole, code: string) => `\`\`\`ts\n${code.trim()}\n\`\`\``);
}

function codeOf(statement: Node): string {
  return statement
    .getText()
    .replace(/^export (?:declare (?!const))?/, '')
    .replaceAll(/^\s*(?:private|#private)\b.*;\n/gm, '');
}

/** The page of a package: an entry point after the other. */
export function referencePage(name: string, entryPoints: Readonly<Record<string, readonly Entry[]>>): string {
  const parts = Object.entries(entryPoints).map(([specifier, entries]) => {
    const shown = entries.map(({ code, name: title, text }) =>
      [`### ${title}`, text, code === '' ? '' : `\`\`\`ts\n${code}\n\`\`\``].filter((part) => part !== '').join('\n\n'),
    );
    return [`## ${specifier}`, ...shown].join('\n\n');
  });
  const about = 'Made from the docstrings by `npm run generate`. Durations are in milliseconds, sizes in bytes.';
  return `# ${name}\n\n${about}\n\n${parts.join('\n\n')}\n`;
}

function formatted(markdown: string): string {
  const done = spawnSync('oxfmt', ['--stdin-filepath=docs/api/page.md'], {
    cwd: root,
    input: markdown,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}` },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (done.status !== 0) throw new Error(`oxfmt: ${done.stderr}`);
  return done.stdout;
}

if (import.meta.main) {
  const named = process.argv[2];
  const found = readPackages(root).find(({ folder }) => folder === `packages/${named}`);
  if (found === undefined) throw new Error('usage: node scripts/api.ts PACKAGE, as server');
  const dist = join(root, found.folder, 'dist');
  const paths = globSync('**/*.d.ts', { cwd: dist }).map((path) => path.replaceAll('\\', '/'));
  const files = Object.fromEntries(paths.map((path) => [path, readFileSync(join(dist, path), 'utf8')]));
  const { exports = {}, name } = found.manifest as unknown as {
    readonly name: string;
    readonly exports?: Readonly<Record<string, { readonly types: string }>>;
  };
  const points = Object.entries(exports).map(([subpath, { types }]) => [
    `${name}${subpath.slice(1)}`,
    entriesOf(files, types.replace('./dist/', '')),
  ]);
  process.stdout.write(formatted(referencePage(name, Object.fromEntries(points) as Record<string, readonly Entry[]>)));
}
