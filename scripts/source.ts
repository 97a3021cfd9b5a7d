/**
 * Reads TypeScript sources into the few facts that the architecture rules need: imports, exports, module state.
 * The parser is TypeScript's own, over an in-memory file system; nothing is resolved or type-checked here.
 */
import { API } from 'typescript/unstable/sync';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { ModifierFlags, NodeFlags, type Node, type SourceFile } from 'typescript/unstable/ast';
import {
  isArrayBindingPattern,
  isBindingElement,
  isCallExpression,
  isClassDeclaration,
  isEnumDeclaration,
  isExportAssignment,
  isExportDeclaration,
  isFunctionDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportEqualsDeclaration,
  isImportTypeNode,
  isInterfaceDeclaration,
  isLiteralTypeNode,
  isModuleDeclaration,
  isNamedExports,
  isNamespaceExport,
  isNoSubstitutionTemplateLiteral,
  isObjectBindingPattern,
  isPropertyAccessExpression,
  isStringLiteral,
  isTypeAliasDeclaration,
  isVariableStatement,
} from 'typescript/unstable/ast/is';

/** One import of a module, of any kind: static, type-only, re-export, dynamic, `require`, `import.meta.resolve`. */
export interface ModuleImport {
  readonly specifier: string;
  /** Not loaded with the module: while it runs, or never, where only types are imported. */
  readonly dynamic: boolean;
  readonly line: number;
}

/** A name or place in a module, for a message. Lines count from 1. */
export interface Mark {
  readonly name: string;
  readonly line: number;
}

export interface SourceModule {
  /** As given to `parseModules`. */
  readonly path: string;
  readonly imports: readonly ModuleImport[];
  /** Exported names, sorted; `default` and `*` included. */
  readonly exports: readonly string[];
  readonly defaultExports: readonly Mark[];
  readonly starExports: readonly Mark[];
  readonly moduleLets: readonly Mark[];
}

const base = '/sources';

/** Parses `files` (relative path to text). Throws when one of them is not TypeScript. */
export function parseModules(files: Readonly<Record<string, string>>): SourceModule[] {
  const paths = Object.keys(files).toSorted();
  const config = {
    compilerOptions: { noLib: true, noResolve: true, types: [], allowJs: true, jsx: 'preserve' },
    files: paths,
  };
  const virtual: Record<string, string> = { [`${base}/tsconfig.json`]: JSON.stringify(config) };
  for (const path of paths) virtual[`${base}/${path}`] = files[path] ?? '';
  const api = new API({ cwd: base, fs: createVirtualFileSystem(virtual) });
  try {
    const program = api
      .updateSnapshot({ openProjects: [`${base}/tsconfig.json`] })
      .getProject(`${base}/tsconfig.json`)?.program;
    if (program === undefined) throw new Error('TypeScript did not open the in-memory project');
    return paths.map((path) => {
      const [problem] = program.getSyntacticDiagnostics(`${base}/${path}`);
      if (problem !== undefined) throw new Error(`${path} is not valid TypeScript: ${problem.text}`);
      const file = program.getSourceFile(`${base}/${path}`);
      if (file === undefined) throw new Error(`${path} was not read by TypeScript`);
      return readModule(path, file);
    });
  } finally {
    api.close();
  }
}

function readModule(path: string, file: SourceFile): SourceModule {
  const lineOf = (node: Node): number => file.text.slice(0, node.end).split('\n').length;
  const imports: ModuleImport[] = [];
  const visit = (node: Node): void => {
    const found = importOf(node);
    if (found !== undefined) imports.push({ ...found, line: lineOf(node) });
    node.forEachChild(visit);
  };
  visit(file);
  const exports = file.statements.flatMap((statement) =>
    exportedNames(statement).map((name) => ({ name, line: lineOf(statement) })),
  );
  return {
    path,
    imports,
    exports: exports.map((each) => each.name).toSorted(),
    defaultExports: exports.filter((each) => each.name === 'default'),
    starExports: exports.filter((each) => each.name === '*'),
    moduleLets: file.statements.flatMap((statement) =>
      moduleLets(statement).map((name) => ({ name, line: lineOf(statement) })),
    ),
  };
}

function importOf(node: Node): Omit<ModuleImport, 'line'> | undefined {
  if (isImportDeclaration(node)) return literal(node.moduleSpecifier, node.getText().startsWith('import type '));
  if (isExportDeclaration(node)) return literal(node.moduleSpecifier, false);
  if (isImportTypeNode(node) && isLiteralTypeNode(node.argument)) return literal(node.argument.literal, false);
  if (isImportEqualsDeclaration(node)) return equalsImport(node.moduleReference);
  if (isCallExpression(node) && loads(node.expression)) return literal(node.arguments[0], true);
  return undefined;
}

function literal(node: Node | undefined, dynamic: boolean): Omit<ModuleImport, 'line'> | undefined {
  if (node === undefined) return undefined;
  return isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node) ? { specifier: node.text, dynamic } : undefined;
}

function equalsImport(reference: Node): Omit<ModuleImport, 'line'> | undefined {
  return 'expression' in reference ? literal(reference.expression as Node, false) : undefined;
}

/** `import`, `require`, or `import.meta.resolve` in the place of a function that is called. */
function loads(callee: Node): boolean {
  if (isIdentifier(callee)) return callee.text === 'require';
  if (isPropertyAccessExpression(callee)) {
    return callee.name.text === 'resolve' && callee.expression.getText() === 'import.meta';
  }
  return callee.getText() === 'import';
}

function exportedNames(statement: Node): string[] {
  if (isExportAssignment(statement)) return ['default'];
  if (isExportDeclaration(statement)) {
    const clause = statement.exportClause;
    if (clause === undefined) return ['*'];
    if (isNamespaceExport(clause)) return [clause.name.text];
    return isNamedExports(clause) ? clause.elements.map((each) => each.name.text) : [];
  }
  const flags = 'modifierFlags' in statement ? Number(statement.modifierFlags) : 0;
  if ((flags & ModifierFlags.Export) === 0) return [];
  if ((flags & ModifierFlags.Default) !== 0) return ['default'];
  return declaredNames(statement);
}

export function declaredNames(statement: Node): string[] {
  if (isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap((each) => boundNames(each.name));
  }
  if (
    isFunctionDeclaration(statement) ||
    isClassDeclaration(statement) ||
    isInterfaceDeclaration(statement) ||
    isTypeAliasDeclaration(statement) ||
    isEnumDeclaration(statement) ||
    isModuleDeclaration(statement)
  ) {
    return statement.name === undefined ? [] : [statement.name.text];
  }
  return [];
}

function boundNames(name: Node): string[] {
  if (isIdentifier(name)) return [name.text];
  if (!isObjectBindingPattern(name) && !isArrayBindingPattern(name)) return [];
  return [...name.elements].flatMap((each) => (isBindingElement(each) && each.name ? boundNames(each.name) : []));
}

function moduleLets(statement: Node): string[] {
  if (!isVariableStatement(statement)) return [];
  const list = statement.declarationList;
  if ((list.flags & NodeFlags.Const) !== 0) return [];
  return list.declarations.flatMap((each) => boundNames(each.name));
}
