/**
 * Recognises commands that fetch a package and run it at once (`npx`, `uvx` and the like) and says which package that is and how
 * firmly its version is named. Pure: runs nothing, asks no registry. What it does not understand it does not guess.
 */

/** `exact`: always the same code. Everything else is chosen anew by whoever publishes. */
export type Pin = 'exact' | 'range' | 'tag' | 'none' | 'local';

export interface PackageRun {
  /** As a person calls it: `npx`, `npm exec`, `uv tool run`, … */
  readonly runner: string;
  readonly registry: 'npm' | 'pypi';
  /** As written, without the option that it stood in. */
  readonly spec: string;
  /** Its place in `args`. */
  readonly index: number;
  /** Absent: the spec is a folder, a repository or an address. */
  readonly name?: string;
  readonly pin: Pin;
  /** What to write for an exact one; `VERSION` stands for the number. */
  readonly pinned: string;
  /** The program to run where another than the package's own was named. */
  readonly program?: string;
  /** What the program gets. */
  readonly programArgs: readonly string[];
  /** Options were written besides the package that change what is fetched or how it is run. */
  readonly isSpecial: boolean;
}

interface Runner {
  readonly title: string;
  /** What follows the command's name. */
  readonly words: readonly string[];
  readonly registry: PackageRun['registry'];
  /** Options that name the package. */
  readonly package: readonly string[];
  /** Options without a value that change nothing of what is fetched. */
  readonly plain: readonly string[];
  /** Other options without a value. */
  readonly switches: readonly string[];
  /** Options with a value. */
  readonly valued: readonly string[];
}

const NPM: Omit<Runner, 'title' | 'words'> = {
  registry: 'npm',
  package: ['-p', '--package'],
  plain: words('-y --yes -q --quiet -s --silent --prefer-online --prefer-offline --no-audit --no-fund'),
  switches: words(
    '--no --no-install --no-yes --offline -d --verbose --ignore-scripts --workspaces --include-workspace-root',
  ),
  valued: words(
    '-c --call --registry --cache --userconfig --globalconfig --prefix -w --workspace --node-options --script-shell --loglevel',
  ),
};

const UV: Omit<Runner, 'title' | 'words'> = {
  registry: 'pypi',
  package: ['--from'],
  plain: words('-q --quiet -v --verbose --isolated --no-progress --native-tls'),
  switches: words(
    '-n --no-cache --refresh --reinstall -U --upgrade --offline --no-index --no-build --no-config --managed-python --no-managed-python',
  ),
  valued: [
    ...words(
      '--with --with-editable --with-requirements -p --python --index --default-index -i --index-url --extra-index-url',
    ),
    ...words(
      '-f --find-links --index-strategy --keyring-provider --resolution --prerelease --exclude-newer --link-mode',
    ),
    ...words(
      '-P --upgrade-package --refresh-package --cache-dir --directory --project --config-file --env-file --python-preference',
    ),
  ],
};

const BUN: Omit<Runner, 'title' | 'words'> = { ...NPM, switches: ['--bun', '--verbose', '--silent'], valued: [] };

const RUNNERS: Readonly<Record<string, readonly Runner[]>> = {
  npx: [{ ...NPM, title: 'npx', words: [] }],
  pnpx: [{ ...NPM, title: 'pnpx', words: [] }],
  bunx: [{ ...BUN, title: 'bunx', words: [] }],
  uvx: [{ ...UV, title: 'uvx', words: [] }],
  npm: ['exec', 'x'].map((word) => ({ ...NPM, title: `npm ${word}`, words: [word] })),
  pnpm: [{ ...NPM, title: 'pnpm dlx', words: ['dlx'] }],
  yarn: [{ ...NPM, title: 'yarn dlx', words: ['dlx'] }],
  bun: [{ ...BUN, title: 'bun x', words: ['x'] }],
  uv: [{ ...UV, title: 'uv tool run', words: ['tool', 'run'] }],
  pipx: [
    {
      title: 'pipx run',
      words: ['run'],
      registry: 'pypi',
      package: ['--spec'],
      plain: words('-q --quiet -v --verbose'),
      switches: words('--no-cache --pypackages --system-site-packages --path'),
      valued: words('--python --pip-args -i --index-url --backend --with'),
    },
  ],
};

function words(text: string): readonly string[] {
  return text.split(' ');
}

/** Undefined for a command that is no such runner, or of which it cannot be told what it would fetch. */
export function packageRun(command: string, args: readonly string[]): PackageRun | undefined {
  const name = (command.split(/[/\\]/).at(-1) ?? '').replace(/\.(?:cmd|exe|ps1|bat)$/i, '').toLowerCase();
  const runner = Object.hasOwn(RUNNERS, name)
    ? RUNNERS[name]?.find(({ words: wanted }) => wanted.every((word, index) => args[index] === word))
    : undefined;
  return runner === undefined ? undefined : runOf(runner, args);
}

interface Named {
  readonly spec: string;
  readonly index: number;
}

interface Options {
  /** Where the first word stands that is no option. */
  readonly next: number;
  readonly packages: readonly Named[];
  readonly isSpecial: boolean;
}

function runOf(runner: Runner, args: readonly string[]): PackageRun | undefined {
  const options = readOptions(runner, args);
  if (options === undefined) return undefined;
  const { next, packages, isSpecial } = options;
  const word = args[next];
  const [first, ...others] = packages;
  const spec = first ?? (word === undefined ? undefined : { spec: word, index: next });
  if (spec === undefined || !SPEC.test(spec.spec)) return undefined;
  const program = first === undefined ? undefined : word;
  return {
    runner: runner.title,
    registry: runner.registry,
    ...spec,
    ...(runner.registry === 'npm' ? npmSpec(spec.spec) : pythonSpec(spec.spec)),
    ...(program !== undefined && { program }),
    programArgs: args.slice(next + 1),
    isSpecial: isSpecial || others.length > 0 || (first !== undefined && word === undefined),
  };
}

/** Undefined when an option is not known: the word after it may be its value or the package. */
function readOptions(runner: Runner, args: readonly string[]): Options | undefined {
  const packages: Named[] = [];
  let isSpecial = false;
  let next = runner.words.length;
  for (; args[next]?.startsWith('-') === true && args[next] !== '--'; next += 1) {
    const option = optionAt(runner, args, next);
    if (option === undefined) return undefined;
    if (option.kind === 'package') packages.push(option.value);
    else isSpecial ||= option.kind !== 'plain';
    next = option.value.index;
  }
  return { next: args[next] === '--' ? next + 1 : next, packages, isSpecial };
}

interface Option {
  readonly kind: 'package' | 'valued' | 'switch' | 'plain';
  /** Of one without a value: itself. */
  readonly value: Named;
}

function optionAt(runner: Runner, args: readonly string[], index: number): Option | undefined {
  const [option = '', written] = (args[index] ?? '').split(/=(.*)/s, 2);
  const kind = kindOf(runner, option, written !== undefined);
  if (kind === undefined) return undefined;
  const isApart = written === undefined && (kind === 'package' || kind === 'valued');
  return { kind, value: isApart ? { spec: args[index + 1] ?? '', index: index + 1 } : { spec: written ?? '', index } };
}

function kindOf(runner: Runner, option: string, hasValue: boolean): Option['kind'] | undefined {
  if (runner.package.includes(option)) return 'package';
  if (runner.valued.includes(option)) return 'valued';
  if (runner.plain.includes(option)) return 'plain';
  return hasValue || runner.switches.includes(option) ? 'switch' : undefined;
}

type Spec = Pick<PackageRun, 'name' | 'pin' | 'pinned'>;

/** Anything else is no package, but a mistake or a variable that was not filled in. */
const SPEC = /^[^\s${}]+$/;
const COMMIT = /[#@][0-9a-f]{40}$/;
const EXACT_NPM = /^[v=]?\d+\.\d+\.\d+(?:-[\w.-]+)?(?:\+[\w.-]+)?$/;
const EXACT_PYTHON = /^v?(?:\d+!)?\d+(?:\.\d+)*(?:(?:a|b|rc|\.post|\.dev)\d+)*(?:\+[\w.]+)?$/;
/** Whatever leads to files of this machine. */
const LOCAL = /^(?:file:|\.{0,2}[/\\]|\.{1,2}$|~[/\\]|[A-Za-z]:[/\\])/;

/** npm-package-arg: `name`, `@scope/name`, each with `@` and a version, range or tag; else a repository, address or path. */
function npmSpec(spec: string): Spec {
  if (LOCAL.test(spec)) return { pin: 'local', pinned: spec };
  const [, name, version] = /^((?:@[^/@:]+\/)?[^/@:]+)(?:@(.*))?$/.exec(spec) ?? [];
  if (name === undefined)
    return { pin: COMMIT.test(spec) ? 'exact' : 'none', pinned: `${spec.replace(/#.*$/, '')}#COMMIT` };
  const pinned = `${name}@VERSION`;
  if (version === undefined || version === '') return { name, pin: 'none', pinned };
  // An alias, or something else than a version after the name: `a@npm:b@1`, `a@git+https://…`, `a@file:…`.
  if (/[:/]/.test(version)) {
    const target = npmSpec(version.replace(/^npm:/, ''));
    return { pin: target.pin, pinned: `${name}@${version.startsWith('npm:') ? 'npm:' : ''}${target.pinned}` };
  }
  if (EXACT_NPM.test(version)) return { name, pin: 'exact', pinned: spec };
  return { name, pin: /^[\^~<>=*xXv\d]/.test(version) ? 'range' : 'tag', pinned };
}

/** PEP 508, and `name@version` as uv takes it. */
function pythonSpec(spec: string): Spec {
  if (LOCAL.test(spec)) return { pin: 'local', pinned: spec };
  const [, name, extras = '', rest = ''] =
    /^([A-Za-z0-9][\w.-]*)(\[[^\]]*\])?(?![+:/])(|[;@<>=!~].*)$/.exec(spec) ?? [];
  if (name === undefined || /^@\w+(?:\+\w+)?:/.test(rest)) {
    const base = spec.replace(/(?<=[^/@]\/[^@]*)@[^@/]*$/, '');
    return { pin: COMMIT.test(spec) ? 'exact' : 'none', pinned: `${base}@COMMIT` };
  }
  return { name, ...pythonVersion(rest, spec, `${name}${extras}==VERSION`) };
}

function pythonVersion(rest: string, spec: string, pinned: string): Omit<Spec, 'name'> {
  const version = /^(?:===?|@)([^,;*]+)$/.exec(rest)?.[1] ?? '';
  if (EXACT_PYTHON.test(version)) return { pin: 'exact', pinned: spec };
  if (rest === '' || rest.startsWith(';')) return { pin: 'none', pinned };
  return { pin: rest.startsWith('@') ? 'tag' : 'range', pinned };
}
