/** `sallyport search QUERY`: servers in the MCP registry. It runs and adds nothing: `sallyport add NAME` does. */
import { InvalidArgumentError, type Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { note, printResult } from './output.ts';
import { openRegistry, REGISTRY } from './registry.ts';
import { waysOf } from './registry-server.ts';
import { cells, cut, oneLine } from './text.ts';

const MAX_LIMIT = 100;

export function register(program: Command, context: CliContext): void {
  program
    .command('search')
    .summary('look for servers in a registry')
    .description(
      'Lists servers that the MCP registry finds by QUERY in their name or description. What it says of itself is nobody else’s word.',
    )
    .argument('<QUERY>', 'part of a name or description')
    .option('--registry <URL>', `another registry than ${REGISTRY}`)
    .option('--limit <N>', 'at most so many', limitOf, 20)
    .action(
      async (query: string, options: { readonly registry?: string; readonly limit: number }, command: Command) => {
        const globals = globalsOf(command, context);
        const found = await (await openRegistry(context, globals, options.registry)).search(query, options.limit);
        const rows = found.map(({ name, version, title, description, status, detail }) => ({
          name,
          version,
          title: title ?? null,
          description,
          status,
          ways: [...new Set(waysOf(detail).ways.map(({ kind }) => kind))],
        }));
        const lines = rows.map(({ name, version, description, status, ways }) => {
          const facts = [version, ...ways, ...(status === 'active' ? [] : [status])].map(oneLine).join(', ');
          const line = `${oneLine(name)}  (${facts})  ${oneLine(description)}`;
          const room = context.columns();
          return room === undefined || cells(line) <= room ? line : cut(line, room);
        });
        printResult(context, globals, rows, lines.length === 0 ? 'Nothing found.' : lines.join('\n'));
        if (!globals.json && rows.length > 0) note(context, '`sallyport add NAME` adds one, its version pinned.');
      },
    );
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0 && limit <= MAX_LIMIT) return limit;
  throw new InvalidArgumentError(`A number from 1 to ${MAX_LIMIT}.`);
}
