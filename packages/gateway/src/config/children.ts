/**
 * What is said about the commands of servers and interceptors: packages whose code is chosen anew by whoever publishes them, relative commands,
 * and variables by which other code is run. It looks at what is written; what is on this machine is not looked at.
 */
import { isAbsolute } from 'node:path';
import { isRiskyVariable, packageRun, type PackageRun } from '@sallyport/host';
import type { ConfigEntry } from './schema.ts';
import type { Finding } from './schema-parts.ts';

type Written = Pick<ConfigEntry, 'mcpServers' | 'interceptors'>;

/** A program that the configuration lets be started. */
type Program = {
  readonly path: readonly (string | number)[];
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

function programs({ interceptors, mcpServers }: Written): Program[] {
  const ofServers = Object.entries(mcpServers).flatMap(([name, { args, command, enabled, env }]): Program[] =>
    enabled && command !== undefined ? [{ path: ['mcpServers', name], command, args, env }] : [],
  );
  const others = interceptors.flatMap(({ target }, index): Program[] =>
    target.kind === 'child' ? [{ path: ['interceptors', index], ...target }] : [],
  );
  return [...ofServers, ...others];
}

/** Packages without an exact version. */
export function unpinned(written: Written): Finding[] {
  return programs(written).flatMap(({ args, command, path }): Finding[] => {
    const run = packageRun(command, args);
    if (run === undefined || run.pin === 'exact' || run.pin === 'local') return [];
    return [{ path: [...path, 'args', run.index], message: unpinnedText(run) }];
  });
}

/** What is wrong with such a package, and the text to write instead. */
export function unpinnedText({ name, pin, pinned, registry, spec }: PackageRun): string {
  const what = {
    none: `\`${spec}\` names no version`,
    tag: `\`${spec}\` names a moving version`,
    range: `\`${spec}\` names a range of versions`,
    exact: `\`${spec}\` is pinned`,
    local: `\`${spec}\` is a path`,
  }[pin];
  const newest = name !== undefined && registry === 'npm' ? ` (\`npm view ${name} version\` says the newest)` : '';
  return `${what}: whatever is published next would be run. Write \`${pinned}\`${newest}`;
}

/** Commands that are another program from another folder, where the configuration is to leave nothing open. */
export function relativeCommands(written: Written): Finding[] {
  return programs(written).flatMap(({ command, path }): Finding[] =>
    /[/\\]/.test(command) && !isAbsolute(command)
      ? [{ path: [...path, 'command'], message: '`strict` wants a name on PATH or an absolute path here' }]
      : [],
  );
}

/** Variables in `env` that make a program run other code than its command. They are passed on, for somebody wrote them. */
export function riskyVariables(written: Written): Finding[] {
  return programs(written).flatMap(({ env, path }) =>
    Object.keys(env)
      .filter(isRiskyVariable)
      .map((name): Finding => ({ path: [...path, 'env', name], message: riskyText(name) })),
  );
}

/** The same of a file of variables; undefined: there are none. */
export function riskyInFile(env: Readonly<Record<string, string>>): string | undefined {
  const names = Object.keys(env).filter(isRiskyVariable);
  return names.length === 0 ? undefined : riskyText(names.join(', '));
}

function riskyText(names: string): string {
  return `${names} can make a program run other code than its command; children get it because it is written here`;
}
