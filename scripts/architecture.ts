/**
 * The rules of CONTRIBUTING.md that a machine can check: who may import whom, what a module
 * may hold. Pure: modules and packages in, violations out. Formatting, types and style are the business of other tools.
 */
import { posix } from 'node:path';
import { isBuiltin } from 'node:module';
import type { ModuleImport, SourceModule } from './source.ts';
import type { Package } from './workspace.ts';

/** A broken rule, and where. */
export interface Violation {
  readonly rule: string;
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** What the rules look at. Paths of modules are relative to the repository. */
export interface House {
  readonly modules: readonly SourceModule[];
  readonly packages: readonly Package[];
  /** Names that tests may import beside what their package declares: the root's development dependencies. */
  readonly testDependencies: readonly string[];
}

/** Which packages of the house a package may import. Arrows point down only. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  '@sallyport/wire': [],
  '@sallyport/host': [],
  '@sallyport/server': ['@sallyport/wire', '@sallyport/host'],
  '@sallyport/client': ['@sallyport/wire', '@sallyport/host'],
  '@sallyport/spec': ['@sallyport/server', '@sallyport/host'],
  'sallyport-bench': ['@sallyport/host'],
  sallyport: ['@sallyport/server', '@sallyport/client', '@sallyport/wire', '@sallyport/host'],
};

/** The one package that is loaded when it is asked for, never before. */
const lazyArrows: Readonly<Record<string, readonly string[]>> = { sallyport: ['@sallyport/spec'] };

const gatewaySource = 'packages/gateway/src/';

/** Files of the gateway that a room may import. */
const roomsMayImport = [
  'bounded-text.ts',
  'call.ts',
  'canonical-id.ts',
  'errors.ts',
  'glob.ts',
  'inner-exchange.ts',
  'meta.ts',
  'one-line.ts',
  'restated.ts',
  'round.ts',
  'tool-cost.ts',
];

/** Files at the top of the gateway, beside the command line and the folder `wiring`, that import rooms. */
const composers = [
  'gateway.ts',
  'index.ts',
  'modules.ts',
  'pipeline.ts',
  'provision.ts',
  'rooms.ts',
  'served.ts',
  'servers.ts',
  'steps.ts',
];

/** Folders of the gateway that are no rooms: they put rooms together. */
const aboveRooms: ReadonlySet<string | undefined> = new Set(['cli', 'wiring']);

const configFiles = /(^|\/)(vitest|vite)\.config\.ts$/;

export function isTest(path: string): boolean {
  return /\.test\.tsx?$|\/testing\//.test(path) || path.startsWith('test/');
}

/** `@scope/name` or `name` of a bare specifier; undefined for relative ones and Node's own modules. */
export function packageName(specifier: string): string | undefined {
  if (/^[./#]/.test(specifier) || isBuiltin(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

type Rule = (house: House) => Violation[];

/** Every rule by its name. */
export const rules: Readonly<Record<string, Rule>> = {
  'package-arrows': packageArrows,
  'stays-in-package': staysInPackage,
  'wire-is-pure': wireIsPure,
  rooms,
  cycles,
  'no-default-export': noDefaultExport,
  'no-star-export': (house) =>
    marked(house, 'no-star-export', (each) => each.starExports, 'exports *: name what is exported'),
  'no-module-let': noModuleLet,
  'declared-imports': declaredImports,
  'used-dependencies': usedDependencies,
};

/** All violations, in the order of the rules. */
export function inspect(house: House): Violation[] {
  return Object.values(rules).flatMap((rule) => rule(house));
}

export function describeViolation({ rule, path, line, message }: Violation): string {
  return `${path}:${String(line)} [${rule}] ${message}`;
}

function ownerOf(house: House, path: string): Package | undefined {
  return house.packages.find((each) => path.startsWith(`${each.folder}/`));
}

/** Runs `check` over every import of every module; a text it answers is a violation. */
function overImports(
  house: House,
  rule: string,
  check: (module: SourceModule, imported: ModuleImport, owner: Package | undefined) => string | undefined,
): Violation[] {
  return house.modules.flatMap((module) => {
    const owner = ownerOf(house, module.path);
    return module.imports.flatMap((imported) => {
      const message = check(module, imported, owner);
      return message === undefined ? [] : [{ rule, path: module.path, line: imported.line, message }];
    });
  });
}

function packageArrows(house: House): Violation[] {
  const names = new Set(house.packages.map((each) => each.manifest.name));
  return overImports(house, 'package-arrows', (_module, imported, owner) => {
    const target = packageName(imported.specifier);
    if (owner === undefined || target === undefined || !names.has(target)) return undefined;
    const from = owner.manifest.name;
    const allowed = arrows[from];
    if (allowed === undefined) return `${from} has no place in the arrows yet: add it to scripts/architecture.ts`;
    if (allowed.includes(target)) return undefined;
    if (lazyArrows[from]?.includes(target) === true) {
      return imported.dynamic
        ? undefined
        : `${from} may load ${target} only with import() when it is asked for, but for its types`;
    }
    return `${from} must not import ${target}`;
  });
}

function staysInPackage(house: House): Violation[] {
  return overImports(house, 'stays-in-package', (module, imported, owner) => {
    if (owner === undefined || !imported.specifier.startsWith('.')) return undefined;
    const target = resolveRelative(module.path, imported.specifier);
    return target.startsWith(`${owner.folder}/`) ? undefined : `${imported.specifier} leaves ${owner.folder}`;
  });
}

function wireIsPure(house: House): Violation[] {
  return overImports(house, 'wire-is-pure', (module, imported, owner) => {
    if (owner?.manifest.name !== '@sallyport/wire' || isTest(module.path)) return undefined;
    return imported.specifier.startsWith('.') ? undefined : `wire imports nothing, not even ${imported.specifier}`;
  });
}

/** The room a file of the gateway is in; undefined for what is above rooms. */
function roomOf(path: string): string | undefined {
  const [room, ...rest] = path.slice(gatewaySource.length).split('/');
  return rest.length === 0 || aboveRooms.has(room) ? undefined : room;
}

function rooms(house: House): Violation[] {
  return overImports(house, 'rooms', (module, imported) => {
    if (!module.path.startsWith(gatewaySource) || !imported.specifier.startsWith('.')) return undefined;
    const target = resolveRelative(module.path, imported.specifier);
    const [from, to] = [roomOf(module.path), roomOf(target)];
    if (from !== undefined) {
      if (to === from || roomsMayImport.includes(target.slice(gatewaySource.length))) return undefined;
      return to === undefined
        ? `room ${from} may import ${roomsMayImport.join(' and ')} of the top, not ${imported.specifier}`
        : `room ${from} must not import room ${to}: take what it needs as a function, wired in modules.ts`;
    }
    if (to === undefined || mayCompose(module.path)) return undefined;
    return `only ${composers.join(', ')}, wiring and the command line import rooms`;
  });
}

function mayCompose(path: string): boolean {
  const file = path.slice(gatewaySource.length);
  return composers.includes(file) || /^(cli(\.ts|\/)|wiring\/)/.test(file) || isTest(path);
}

/** Cycles over all imports, type-only ones included, within and across packages. */
function cycles(house: House): Violation[] {
  const byPath = new Map(house.modules.map((each) => [each.path, each]));
  const targets = (path: string): string[] =>
    (byPath.get(path)?.imports ?? [])
      .map((each) => resolveImport(house, path, each.specifier))
      .filter((each): each is string => each !== undefined && byPath.has(each));
  return stronglyConnected([...byPath.keys()], targets).map((group) => ({
    rule: 'cycles',
    path: group[0] ?? '',
    line: 1,
    message: `imports in a circle: ${group.join(', ')}`,
  }));
}

function resolveImport(house: House, from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return resolveRelative(from, specifier);
  const target = house.packages.find((each) => each.manifest.name === packageName(specifier));
  if (target === undefined) return undefined;
  return entryPoints(target)[`.${specifier.slice(target.manifest.name.length)}`];
}

function resolveRelative(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier);
}

/** Source file of each subpath that a package exports, after `./dist/x.js` → `src/x.ts`. */
export function entryPoints({ folder, manifest }: Package): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [subpath, target] of Object.entries(manifest.exports ?? {})) {
    const file = typeof target === 'string' ? target : (target as { default?: string }).default;
    const built = /^\.\/dist\/(.+)\.js$/.exec(file ?? '');
    if (built !== null) found[subpath] = `${folder}/src/${built[1] ?? ''}.ts`;
  }
  return found;
}

/** Tarjan's algorithm. Answers the groups that contain a cycle, each sorted. */
function stronglyConnected(nodes: readonly string[], targets: (node: string) => string[]): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const groups: string[][] = [];
  const visit = (node: string): number => {
    const index = order.size;
    let low = index;
    order.set(node, index);
    stack.push(node);
    const next = targets(node);
    for (const target of next) {
      if (!order.has(target)) low = Math.min(low, visit(target));
      else if (stack.includes(target)) low = Math.min(low, order.get(target) ?? low);
    }
    lowest.set(node, low);
    if (low === index) {
      const group = stack.splice(stack.indexOf(node));
      if (group.length > 1 || next.includes(node)) groups.push(group.toSorted());
    }
    return low;
  };
  for (const node of nodes) if (!order.has(node)) visit(node);
  return groups;
}

function marked(
  house: House,
  rule: string,
  marks: (module: SourceModule) => SourceModule['moduleLets'],
  message: string,
): Violation[] {
  return house.modules.flatMap((module) =>
    marks(module).map((mark) => ({ rule, path: module.path, line: mark.line, message: `${mark.name} ${message}` })),
  );
}

function noDefaultExport(house: House): Violation[] {
  const modules = house.modules.filter((each) => !configFiles.test(each.path));
  return marked({ ...house, modules }, 'no-default-export', (each) => each.defaultExports, 'export: give it a name');
}

/** Tests may: their state belongs to the file, and `beforeEach` has nowhere else to put it. */
function noModuleLet(house: House): Violation[] {
  const modules = house.modules.filter((each) => !isTest(each.path));
  const message = 'is module state: give it an owner with a lifetime';
  return marked({ ...house, modules }, 'no-module-let', (each) => each.moduleLets, message);
}

/** What a package says that an installation of it brings. */
function declaredBy({ manifest }: Package): string[] {
  return Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies });
}

function declaredImports(house: House): Violation[] {
  const ours = house.packages.map((each) => each.manifest.name);
  return overImports(house, 'declared-imports', (module, imported, owner) => {
    const target = packageName(imported.specifier);
    if (target === undefined) return undefined;
    const declared = owner === undefined ? [...ours, ...house.testDependencies] : declaredFor(house, module, owner);
    return declared.includes(target) ? undefined : `${target} is not declared in ${owner?.folder ?? '.'}/package.json`;
  });
}

/** What a module of a package may import; its tests also what is there for development. */
function declaredFor(house: House, module: SourceModule, owner: Package): string[] {
  const declared = [owner.manifest.name, ...declaredBy(owner)];
  if (!isTest(module.path)) return declared;
  return [...declared, ...house.testDependencies, ...Object.keys(owner.manifest.devDependencies ?? {})];
}

function usedDependencies(house: House): Violation[] {
  return house.packages.flatMap((each) => {
    const used = new Set(
      house.modules
        .filter((module) => module.path.startsWith(`${each.folder}/`) && !isTest(module.path))
        .flatMap((module) => module.imports.map((imported) => packageName(imported.specifier))),
    );
    return declaredBy(each)
      .filter((name) => !used.has(name))
      .map((name) => ({
        rule: 'used-dependencies',
        path: `${each.folder}/package.json`,
        line: 1,
        message: `${name} is declared and never imported`,
      }));
  });
}
