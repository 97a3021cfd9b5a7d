/** What is done about what servers say and do: the guard, pins, cages, and secrets that stand in the file. */
import { isVariable, secretPaths, valueAt } from '../../config/describe.ts';
import type { DetailedConfig } from '../../config/load.ts';
import type { Config, ServerConfig } from '../../config/index.ts';
import type { Path } from '../../config/source.ts';
import { count } from '../text.ts';
import { fail, ok, warn, type Finding } from './report.ts';

/** The level that a server has, as far as it is known; undefined: its last start is not known. */
export type LevelOf = (server: string) => string | undefined;

export function checkContent(
  { config, written }: Pick<DetailedConfig, 'config' | 'written'>,
  levelOf: LevelOf,
): readonly Finding[] {
  return [profile(config), ...guard(config), pins(config), ...cages(config, levelOf), literals(written)];
}

function profile({ profile: name }: Config): Finding {
  return name === undefined
    ? warn('profile', 'none: each protection is as it is written, or as everybody has it', 'set profile: hardened')
    : ok('profile', name);
}

function guard({ guard: { arguments: args, injection, secrets } }: Config): readonly Finding[] {
  const off = [
    ...(args === 'off' ? ['guard.arguments: validate'] : []),
    ...(secrets === 'off' ? ['guard.secrets: redact'] : []),
    ...(injection === 'off' ? ['guard.injection: block'] : []),
  ];
  if (off.length > 0) return [fail('guard', 'a part of it is off', `set ${off.join(', ')}`)];
  const flagged = [
    ...(secrets === 'flag' ? ['guard.secrets: redact'] : []),
    ...(injection === 'flag' ? ['guard.injection: block'] : []),
  ];
  return [
    flagged.length === 0
      ? ok('guard', `secrets ${secrets}, injection ${injection}`)
      : warn('guard', 'what it finds is told and passed on', `set ${flagged.join(', ')}`),
  ];
}

function pins({ pins: { lock, mode } }: Config): Finding {
  if (mode === 'off')
    return fail(
      'pins',
      'a tool may change after it was approved, and nobody is told',
      'set guard.pins.mode: quarantine',
    );
  if (lock === undefined) return warn('pins', 'what servers offer is believed at the first use', 'sallyport pins lock');
  return mode === 'quarantine'
    ? ok('pins', 'locked; what changes is kept back')
    : warn('pins', 'locked; what changes is told and works', 'set guard.pins.mode: quarantine');
}

function cages({ servers }: Config, levelOf: LevelOf): readonly Finding[] {
  const children = servers.filter(({ enabled, target }) => enabled && target.kind === 'stdio');
  return children.map((server) => cage(server, levelOf(server.name)));
}

function cage({ name, sandbox: { level: written } }: ServerConfig, inForce: string | undefined): Finding {
  const level = inForce ?? written;
  const check = `sandbox of ${name}`;
  const remedy = `write mcpServers.${name}.sandbox: standard, and see \`sallyport doctor\` for what it needs`;
  if (level === undefined) return warn(check, 'none is written: it is as strong as the machine lets it be', remedy);
  if (level === 'none') return fail(check, 'none', remedy);
  if (level === 'limited') return warn(check, 'limited: it reads and writes what its user may', remedy);
  return written === undefined
    ? warn(check, `${level} now, and weaker where the machine has less`, remedy)
    : ok(check, `${level}${inForce === undefined ? ', required at its start' : ', in force'}`);
}

/** The address of a webhook is masked in any case; a credential is in it where a part of it is not for people to read. */
function isCredential(path: Path, value: unknown): boolean {
  return path.at(-1) !== 'url' || /[\w-]{16,}/.test(new URL(String(value)).pathname);
}

function literals(written: unknown): Finding {
  // A hash of a key is no secret.
  const found = secretPaths(written).filter((path) => {
    const value = valueAt(written, path);
    return path.at(-1) !== 'hash' && !isVariable(value) && (path[0] !== 'alerts' || isCredential(path, value));
  });
  if (found.length === 0) return ok('secrets', 'none stands in the file');
  const places = found
    .slice(0, 3)
    .map((path) => path.join('.'))
    .join(', ');
  return fail(
    'secrets',
    `${count(found.length, 'value')} of the file look like secrets: ${places}`,
    'sallyport secret set NAME, and write ${secret:NAME}; or `sallyport config encrypt`',
  );
}
