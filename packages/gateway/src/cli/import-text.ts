/** What `import` says: a line for each server, and what became of its keys. Values are never shown. */
import type { CliContext } from './context.ts';
import type { Imported, ImportOutcome } from './import-plan.ts';
import { oneLine } from './text.ts';

export function importText({ client, files, path, dryRun, servers, left }: ImportOutcome): string {
  const lines = [
    `${client}: ${files.map(oneLine).join(', ')}`,
    ...servers.flatMap((server) => serverLines(server, dryRun)),
    ...left.map(({ name, reason }) => `  left      ${oneLine(name)}: ${oneLine(reason)}`),
  ];
  if (servers.length + left.length === 0) lines.push('  no servers');
  const added = servers.filter(({ action }) => action === 'added').length;
  if (dryRun) lines.push(`Nothing was written; ${added} would be added${path === undefined ? '' : ` to ${path}`}.`);
  else if (path !== undefined) lines.push(added === 0 ? `${path} is as it was.` : `${added} added to ${path}`);
  return lines.join('\n');
}

const WORDS: Readonly<Record<Imported['action'], string>> = {
  added: 'added',
  'there already': 'the same',
  kept: 'kept',
};

function serverLines(server: Imported, dryRun: boolean): string[] {
  const { name, original, action, value, secrets, dropped, notes } = server;
  const verb = (dryRun && action === 'added' ? 'would add' : WORDS[action]).padEnd(9);
  const facts = [
    ...(original === undefined ? [] : [`was ${oneLine(original)}`]),
    ...(value['enabled'] === false ? ['disabled, as it was'] : []),
    ...(action === 'kept' ? ['the configuration has another server of this name'] : []),
  ];
  if (action !== 'added') return [`  ${verb} ${name}${facts.length === 0 ? '' : `: ${facts.join('; ')}`}`];
  return [
    `  ${verb} ${name}${facts.length === 0 ? '' : `: ${facts.join('; ')}`}`,
    ...(secrets.length === 0 ? [] : [`            secrets: ${secrets.join(', ')}`]),
    ...dropped.map((key) => `            dropped ${oneLine(key)}`),
    ...notes.map((text) => `            ${oneLine(text)}`),
  ];
}

/** Containers that are open to the machine. */
export async function hintsOf({ cwd }: CliContext, { servers }: ImportOutcome): Promise<readonly string[]> {
  const { containerRun } = await import('@sallyport/host/sandbox');
  return servers.flatMap(({ name, value: { command, args }, action }) => {
    if (action !== 'added' || typeof command !== 'string' || !Array.isArray(args)) return [];
    const opens = containerRun({ command, args: args.map(String), cwd, hidden: [] })?.opens ?? [];
    return opens.map((flag) => `hint: ${name}: ${oneLine(flag)} opens the container to this machine`);
  });
}
