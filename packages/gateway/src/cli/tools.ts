/** `sallyport tools [QUERY]`: the tools that clients see, with what their definitions cost in a model's context. */
import type { Command } from 'commander';
import type { ToolRecord, ToolReport } from '../wiring/status.ts';
import { withGateway, type Reached } from './connection.ts';
import { globalsOf, type CliContext } from './context.ts';
import type { Layout } from './list.ts';
import { note, printResult } from './output.ts';
import { cells, count, cut, oneLine, painter } from './text.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('tools')
    .summary('the tools that clients see')
    .description('Shows name, server and description of every tool, or of those in which every word of QUERY occurs.')
    .argument('[QUERY...]', 'words to look for in names and descriptions')
    .action(async (query: readonly string[], _options: unknown, command: Command) => {
      const globals = globalsOf(command, context);
      const show = async (gateway: Reached): Promise<void> => {
        const { catalogVersion, tools } = await gateway.tools();
        const report: ToolReport = { catalogVersion, tools: tools.filter(matching(query)) };
        const layout = { columns: context.columns(), color: globals.color && context.columns() !== undefined };
        if (globals.json || report.tools.length > 0)
          printResult(context, globals, report, toolsText(report.tools, layout));
        if (globals.json) return;
        note(context, totals(report.tools, tools.length, query));
        const missing = (await gateway.status()).servers.filter(({ enabled, known }) => enabled && !known);
        if (missing.length > 0) {
          const names = missing.map(({ name }) => oneLine(name)).join(', ');
          note(context, `Without those of ${names}: \`sallyport list\` says why.`);
        }
      };
      await withGateway(context, globals, show, { logLevel: 'silent' });
    });
}

function matching(query: readonly string[]): (tool: ToolRecord) => boolean {
  const words = query.flatMap((part) => part.toLowerCase().split(/\s+/)).filter((word) => word !== '');
  return ({ name, title = '', description = '' }) => {
    const text = `${name}\n${title}\n${description}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

/** Cells that a description should have. */
const MIN_ROOM = 40;

/** A line for each tool: name, server, the first line of its description as far as there is room. */
export function toolsText(tools: readonly ToolRecord[], { columns, color }: Layout): string {
  const paint = painter(color);
  const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map(cells));
  const names = tools.map(({ name }) => oneLine(name));
  const servers = tools.map(({ server }) => oneLine(server));
  const [nameWidth, serverWidth] = [widest(names), widest(servers)];
  const wide = columns === undefined ? Number.POSITIVE_INFINITY : columns - nameWidth - serverWidth - 4;
  // Where there is little room for it, the server is left to the prefix of the name, if there is one.
  const isPrefixed = tools.every(({ name, server }) => name.startsWith(`${server}__`));
  const isTight = wide < MIN_ROOM && isPrefixed;
  const room = isTight ? wide + serverWidth + 2 : wide;
  return tools
    .map((tool, index) => {
      const [name = '', server = ''] = [names[index], servers[index]];
      const of = isTight ? '' : `  ${paint('dim', server)}${' '.repeat(serverWidth - cells(server))}`;
      const said = room < 1 ? '' : cut(firstLine(tool), room);
      return `${name}${' '.repeat(nameWidth - cells(name))}${of}  ${said}`.trimEnd();
    })
    .join('\n');
}

function firstLine({ description, title }: ToolRecord): string {
  const line = (description ?? title ?? '').trim().split(/\r?\n/, 1)[0] ?? '';
  return oneLine(line);
}

function totals(found: readonly ToolRecord[], all: number, query: readonly string[]): string {
  if (all === 0) return 'No tools.';
  if (found.length === 0)
    return `None of ${count(all, 'tool')} has ${query.map(oneLine).join(' ')} in its name or description.`;
  const tokens = found.reduce((sum, tool) => sum + tool.tokens, 0);
  const of = found.length === all ? count(all, 'tool') : `${found.length} of ${count(all, 'tool')}`;
  return `${of}, about ${count(tokens, 'token')} in a model's context`;
}
