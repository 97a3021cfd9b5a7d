/**
 * The environment of a child: a short list of names from this process plus what is configured, nothing else. A secret in this
 * process's environment therefore never reaches a child by accident. Does not expand `${VAR}` in values.
 */
import { ChildError } from './child-error.ts';

const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'TZ', 'TERM'];
const INHERITED_WINDOWS = ['SystemRoot', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA', 'TEMP', 'TMP', 'PATHEXT', 'COMSPEC'];

/** Variables that make a loader, shell or runtime run or trust something else than the command that was written. */
const RISKY_PREFIXES = ['LD_', 'DYLD_', 'BASH_FUNC_'];
const RISKY_NAMES: ReadonlySet<string> = new Set(
  [
    'BASH_ENV ENV SHELLOPTS BASHOPTS PROMPT_COMMAND IFS ZDOTDIR GCONV_PATH GLIBC_TUNABLES NODE_OPTIONS',
    'NODE_PATH NODE_TLS_REJECT_UNAUTHORIZED NODE_REPL_EXTERNAL_MODULE BUN_OPTIONS PYTHONSTARTUP',
    'PYTHONPATH PYTHONHOME PYTHONINSPECT PYTHONBREAKPOINT PYTHONUSERBASE PERL5OPT PERL5LIB PERL5DB',
    'RUBYOPT RUBYLIB PHPRC PHP_INI_SCAN_DIR LUA_INIT JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS',
    'CLASSPATH DOTNET_STARTUP_HOOKS CORECLR_PROFILER GIT_SSH GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_PAGER',
    'GIT_EDITOR GIT_ASKPASS GIT_EXEC_PATH NPM_CONFIG_SCRIPT_SHELL NPM_CONFIG_NODE_OPTIONS',
  ].flatMap((names) => names.split(' ')),
);

export interface ChildEnvironment {
  readonly env: Readonly<Record<string, string>>;
  /** Configured names, sorted, that can make a child run other code than its command: worth a warning. */
  readonly risky: readonly string[];
}

/** `configured` wins over `parent`. Throws a ChildError when a configured name or value cannot be passed to a process. */
export function childEnvironment(
  parent: Readonly<Record<string, string | undefined>>,
  configured: Readonly<Record<string, string>>,
  platform: NodeJS.Platform,
): ChildEnvironment {
  const windows = platform === 'win32';
  // On Windows names differ in case only by accident (`Path`), and two spellings of one name would both be passed.
  const same = (name: string): string => (windows ? name.toUpperCase() : name);
  const allowed = new Set((windows ? [...INHERITED, ...INHERITED_WINDOWS] : INHERITED).map(same));
  const entries = new Map<string, readonly [name: string, value: string]>();
  for (const [name, value] of Object.entries(parent)) {
    if (value !== undefined && allowed.has(same(name)) && !isShellFunction(value))
      entries.set(same(name), [name, value]);
  }
  for (const [name, value] of Object.entries(configured)) {
    check(name, value);
    entries.set(same(name), [name, value]);
  }
  const env: Record<string, string> = Object.create(null);
  for (const [name, value] of entries.values()) env[name] = value;
  return { env, risky: Object.keys(configured).filter(isRiskyVariable).toSorted() };
}

/** Old bash runs what follows such a value (CVE-2014-6271). */
function isShellFunction(value: string): boolean {
  return value.startsWith('()');
}

/** It can make a program run or trust something else than its command: never taken from this process, and worth a warning. */
export function isRiskyVariable(name: string): boolean {
  const upper = name.toUpperCase();
  return RISKY_NAMES.has(upper) || RISKY_PREFIXES.some((prefix) => upper.startsWith(prefix));
}

function check(name: string, value: string): void {
  if (name === '' || name.includes('=') || name.includes('\0')) {
    throw new ChildError(
      'failed',
      `The environment variable name ${JSON.stringify(name)} is not valid: it must not be empty nor hold "=" or NUL.`,
    );
  }
  if (value.includes('\0')) throw new ChildError('failed', `The environment variable "${name}" holds a NUL character.`);
}
