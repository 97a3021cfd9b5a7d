/**
 * What is said about the commands of servers: packages whose code is chosen anew by whoever publishes them, relative commands,
 * and variables by which other code is run. It looks at what is written; what is on this machine is not looked at.
 */
import { isAbsolute } from 'node:path';
import { isRiskyVariable, packageRun, type PackageRun } from '@sallyport/host';
import type { ConfigEntry } from './schema.ts';
import type { Finding } from './schema-parts.ts';

type Servers = Pick<ConfigEntry, 'mcpServers'>;

/** Packages without an exact version. */
export function unpinned({ mcpServers }: Servers): Finding[] {
  return Object.entries(mcpServers).flatMap(([name, { command, args, enabled }]): Finding[] => {
    const run = enabled && command !== undefined ? packageRun(command, args) : undefined;
    if (run === undefined || run.pin === 'exact' || run.pin === 'local') return [];
    return [{ path: ['mcpServers', name, 'args', run.index], message: unpinnedText(run) }];
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
export function relativeCommands({ mcpServers }: Servers): Finding[] {
  return Object.entries(mcpServers).flatMap(([name, { command, enabled }]): Finding[] =>
    enabled && command !== undefined && /[/\\]/.test(command) && !isAbsolute(command)
      ? [{ path: ['mcpServers', name, 'command'], message: '`strict` wants a name on PATH or an absolute path here' }]
      : [],
  );
}

/** Variables in `env` that make a program run other code than its command. They are passed on, for somebody wrote them. */
export function riskyVariables({ mcpServers }: Servers): Finding[] {
  return Object.entries(mcpServers).flatMap(([server, { env, enabled }]) =>
    (enabled ? Object.keys(env) : []).filter(isRiskyVariable).map((name): Finding => {
      return { path: ['mcpServers', server, 'env', name], message: riskyText(name) };
    }),
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
