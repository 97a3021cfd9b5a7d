/**
 * `sallyport context`: what the tools cost in a model's context, by server and by tool, in each mode of discovery; and which of them
 * nobody has used of late. Tokens are counted (o200k); what a model of another maker counts differs by a tenth or so.
 */
import type { JsonObject } from '@sallyport/wire';
import type { Command } from 'commander';
import { allRecords } from '../audit/in-order.ts';
import { RUN_CODE } from '../code/index.ts';
import { ownDefinitions } from '../discovery/index.ts';
import type { DiscoveryMode, SeenServer } from '../meta.ts';
import type { GatewayStatus, ToolRecord } from '../wiring/status.ts';
import { openTrail } from './audit-read.ts';
import { withGateway, type Reached } from './connection.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError } from './exit.ts';
import { note, printResult } from './output.ts';
import { count, oneLine, table } from './text.ts';

interface ToolCost {
  readonly id: string;
  readonly tokens: number;
  /** Calls of late; absent: nothing is recorded. */
  readonly calls?: number;
}

interface ServerCost {
  readonly server: string;
  readonly tokens: number;
  readonly tools: readonly ToolCost[];
}

interface ContextReport {
  /** As it is written, and what it comes to. */
  readonly discovery: GatewayStatus['discovery'];
  /** Tokens of the list of tools in each mode. */
  readonly modes: Readonly<Partial<Record<DiscoveryMode, number>>>;
  /** The most expensive first. */
  readonly servers: readonly ServerCost[];
  /** Ids of tools that nobody has called in so many days; absent: nothing is recorded. */
  readonly unused?: { readonly days: number; readonly tools: readonly string[] };
}

/** Counts the tokens of a text. */
export type Tokens = (text: string) => number;

/** What counts as of late. */
const DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Tools of each server in the table. */
const SHOWN_TOOLS = 5;
/** Names of unused tools in the text. */
const SHOWN_UNUSED = 20;

export function register(program: Command, context: CliContext): void {
  program
    .command('context')
    .summary("what the tools cost in a model's context")
    .description(
      `Counts the tokens of every tool and server, and of the list of tools in each mode of discovery. With an audit trail it names the tools that nobody has called for ${DAYS} days.`,
    )
    .action(async (_options: unknown, command: Command) => {
      const globals = globalsOf(command, context);
      const show = async (gateway: Reached): Promise<void> => {
        // A server that is up may have said nothing of its tools yet.
        const { tools } = await gateway.tools();
        const { discovery, servers } = await gateway.status();
        const used = await usedOfLate(context);
        const report = contextReport({ discovery, servers, tools, used }, await loadTokens());
        printResult(context, globals, report, contextText(report, context.columns()));
        const missing = servers.filter(({ enabled, known }) => enabled && !known);
        if (globals.json || missing.length === 0) return;
        note(context, `Without ${missing.map(({ name }) => oneLine(name)).join(', ')}: \`sallyport list\` says why.`);
      };
      await withGateway(context, globals, show, { logLevel: 'silent' });
    });
}

/** The table of the tokenizer takes megabytes: it is read when something is counted. */
export async function loadTokens(): Promise<Tokens> {
  const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base');
  // Of servers, and may look like anything: what looks like a special token is text here.
  return (text) => countTokens(text, { disallowedSpecial: new Set() });
}

/** Calls by canonical id; undefined: there is no trail. */
async function usedOfLate(context: CliContext): Promise<ReadonlyMap<string, number> | undefined> {
  try {
    const trail = await openTrail(context);
    const calls = new Map<string, number>();
    for await (const { record } of allRecords(trail, { sinceMs: context.now() - DAYS * DAY_MS })) {
      if (record.action !== 'tools/call' || record.target === undefined) continue;
      calls.set(record.target, (calls.get(record.target) ?? 0) + 1);
    }
    return calls;
  } catch (error) {
    if (error instanceof CliError) return undefined;
    throw error;
  }
}

export interface Counted {
  readonly discovery: GatewayStatus['discovery'];
  readonly servers: readonly Pick<GatewayStatus['servers'][number], 'name' | 'description' | 'enabled' | 'known'>[];
  readonly tools: readonly ToolRecord[];
  readonly used: ReadonlyMap<string, number> | undefined;
}

export function contextReport({ discovery, servers, tools, used }: Counted, tokens: Tokens): ContextReport {
  const costs = tools.map((tool) => ({ ...tool, cost: tokens(JSON.stringify(definitionOf(tool))) }));
  const byServer = Map.groupBy(costs, ({ server }) => server);
  const seen: readonly SeenServer[] = servers
    .filter(({ enabled, known }) => enabled && known)
    .map(({ description = '', name }) => ({ name, description }));
  const sight = {
    servers: seen,
    tools: new Map(
      tools.map((tool) => [tool.name, { ...tool, annotations: tool.annotations, shown: definitionOf(tool) }]),
    ),
  };
  const listed = (definitions: readonly JsonObject[]): number => tokens(JSON.stringify(definitions));
  const shownAlways = tools.filter(({ id }) => discovery.always.includes(id)).map(definitionOf);
  const own = (mode: DiscoveryMode): number => listed([...ownDefinitions(mode, sight, RUN_CODE), ...shownAlways]);
  return {
    discovery,
    modes: { full: listed(tools.map(definitionOf)), groups: own('groups'), search: own('search'), code: own('code') },
    servers: [...byServer]
      .map(([server, of]) => ({
        server,
        tokens: of.reduce((sum, { cost }) => sum + cost, 0),
        tools: of
          .map(({ cost, id }) => ({ id, tokens: cost, ...(used && { calls: used.get(id) ?? 0 }) }))
          .toSorted((one, other) => other.tokens - one.tokens),
      }))
      .toSorted((one, other) => other.tokens - one.tokens),
    ...(used && { unused: { days: DAYS, tools: tools.map(({ id }) => id).filter((id) => !used.has(id)) } }),
  };
}

function definitionOf({
  id: _id,
  original: _original,
  server: _server,
  tokens: _tokens,
  ...shown
}: ToolRecord): JsonObject {
  return shown;
}

export function contextText(report: ContextReport, columns: number | undefined): string {
  const { discovery, modes, servers, unused } = report;
  const now = discovery.shown;
  const full = modes.full ?? 0;
  const modeRows = Object.entries(modes).map(([mode, tokens]) => {
    const less = full === 0 ? '' : `${Math.round((1 - tokens / full) * 100)} % less`;
    return [mode, number(tokens), mode === 'full' ? '' : less, mode === now ? 'in force' : ''];
  });
  const serverRows = servers.flatMap(({ server, tokens, tools }) => [
    [oneLine(server), number(tokens), number(tools.length), ''],
    ...tools
      .slice(0, SHOWN_TOOLS)
      .map((tool) => [
        `  ${oneLine(tool.id)}`,
        number(tool.tokens),
        '',
        tool.calls === undefined ? '' : count(tool.calls, 'call'),
      ]),
    ...(tools.length > SHOWN_TOOLS ? [[`  and ${tools.length - SHOWN_TOOLS} more`, '', '', '']] : []),
  ]);
  const right = true;
  return [
    ...table([{ title: 'MODE' }, { title: 'TOKENS', right }, { title: '' }, { title: '' }], modeRows, columns),
    '',
    ...table(
      [{ title: 'SERVER' }, { title: 'TOKENS', right }, { title: 'TOOLS', right }, { title: '' }],
      serverRows,
      columns,
    ),
    ...unusedLines(unused),
  ].join('\n');
}

function unusedLines(unused: ContextReport['unused']): string[] {
  if (unused === undefined || unused.tools.length === 0) return [];
  const names = unused.tools.slice(0, SHOWN_UNUSED).map(oneLine).join(', ');
  const more = unused.tools.length - SHOWN_UNUSED;
  const rest = more > 0 ? ` and ${more} more` : '';
  return [
    '',
    `Not called in ${unused.days} days: ${names}${rest}.`,
    '`tools.deny` of a server keeps them from every model.',
  ];
}

function number(value: number): string {
  return value.toLocaleString('en');
}
