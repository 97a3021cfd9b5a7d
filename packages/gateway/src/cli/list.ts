/** `sallyport list [--detail]`: the servers of the gateway and how they are. */
import type { Command } from 'commander';
import type { GatewayStatus, ServerStatus } from '../wiring/status.ts';
import { withGateway, type Reached } from './connection.ts';
import { globalsOf, type CliContext } from './context.ts';
import { note, printResult } from './output.ts';
import { count, oneLine, painter, table, wrap, type Column } from './text.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('list')
    .summary('the servers and how they are')
    .description('Shows the servers of the running gateway; without one, starts what it needs to know.')
    .option('--detail', 'also processes, environment, hidden tools and why they are hidden', false)
    .action(async ({ detail }: { readonly detail: boolean }, command: Command) => {
      const globals = globalsOf(command, context);
      const show = async (gateway: Reached): Promise<void> => {
        const status = await readStatus(gateway);
        const columns = context.columns();
        const layout = {
          columns,
          color: globals.color && columns !== undefined,
          detail,
          lasting: gateway.running !== undefined,
        };
        printResult(context, globals, status, listText(status, layout));
        if (!globals.json) {
          for (const text of status.notes) note(context, `- ${oneLine(text)}`);
          note(context, whose(gateway));
          note(context, discoveryText(status));
        }
      };
      await withGateway(context, globals, show, { logLevel: 'silent' });
    });
}

/** What has not come of the servers' lists is waited for first: a server that is up may have said nothing of its tools yet. */
export async function readStatus(gateway: Pick<Reached, 'status' | 'tools'>): Promise<GatewayStatus> {
  const status = await gateway.status();
  if (!status.servers.some(({ enabled, state }) => enabled && state !== 'failed')) return status;
  await gateway.tools();
  return await gateway.status();
}

function discoveryText({ discovery: { budget, mode, shown, tokens } }: GatewayStatus): string {
  const cost = `about ${tokens.toLocaleString('en')} tokens`;
  if (mode !== 'auto') return `Discovery: ${mode} (all tools would be ${cost}; \`sallyport context\` counts).`;
  const why = `${cost} of tools, ${shown === 'full' ? 'within' : 'over'} a budget of ${budget.toLocaleString('en')}`;
  return `Discovery: auto, so ${shown} (${why}).`;
}

function whose({ running, url }: Reached): string {
  if (running === undefined) return 'No gateway is running: this was started for once. See `sallyport serve`.';
  const since = `${new Date(running.startedMs).toISOString().slice(0, 19)}Z`;
  const of = running.configPath === undefined ? '' : `\n  ${oneLine(running.configPath)}`;
  return `Gateway at ${url.href} (pid ${running.pid}, since ${since})${of}`;
}

export interface Layout {
  /** Undefined: no terminal. */
  readonly columns: number | undefined;
  readonly color: boolean;
}

const COLUMNS: readonly Column[] = [
  { title: 'SERVER' },
  { title: 'TRANSPORT' },
  { title: 'STATE' },
  { title: 'TOOLS', right: true },
  { title: 'PROMPTS', right: true },
  { title: 'RESOURCES', right: true },
  { title: 'ERA' },
  { title: 'SANDBOX' },
];

const STATE_STYLES = {
  up: 'green',
  failed: 'red',
  starting: 'yellow',
  idle: 'dim',
  disabled: 'dim',
  closed: 'dim',
  'needs login': 'yellow',
} as const;

export interface ListLayout extends Layout {
  readonly detail: boolean;
  /** The gateway goes on running: what it will try again is worth a word. */
  readonly lasting: boolean;
}

/** The table; under a server what is wrong with it, and with `detail` what else is known. */
export function listText({ servers, hidden }: Pick<GatewayStatus, 'servers' | 'hidden'>, layout: ListLayout): string {
  const { columns, color, detail, lasting } = layout;
  if (servers.length === 0)
    return 'No servers. Add one with `sallyport add NAME -- COMMAND` or `sallyport add NAME URL`.';
  const paint = painter(color);
  const [head = '', ...rows] = table(COLUMNS, servers.map(cellsOf), columns);
  const width = columns ?? Number.POSITIVE_INFINITY;
  const lines = servers.flatMap((server, index) => {
    const more = detail
      ? detailOf(
          server,
          hidden.filter((offer) => offer.server === server.name),
        )
      : [];
    const { state } = server;
    return [
      (rows[index] ?? '').replace(` ${state} `, ` ${paint(STATE_STYLES[state], state)} `),
      ...(server.doing === undefined ? [] : hanging('  … ', oneLine(server.doing), width)),
      ...(server.error === undefined ? [] : problemLines(server, width, lasting).map((line) => paint('red', line))),
      ...more.flatMap(([title, text]) => indented(title, text, width)),
    ];
  });
  return [paint('bold', head), ...lines].join('\n');
}

function cellsOf({
  name,
  transport,
  state,
  known,
  enabled,
  tools,
  prompts,
  resources,
  eras,
  sandbox,
}: ServerStatus): string[] {
  const number = (value: number): string => (known && enabled ? String(value) : '–');
  return [
    oneLine(name),
    transport,
    state,
    ...[tools, prompts, resources].map(number),
    eras.length === 0 ? '–' : eras.join('+'),
    sandbox?.level ?? '–',
  ];
}

function problemLines({ error = '', retryInMs }: ServerStatus, width: number, lasting: boolean): string[] {
  const again = lasting && retryInMs > 0 ? ` (tried again in ${Math.ceil(retryInMs / 1000)} s)` : '';
  return hanging('  ! ', oneLine(error) + again, width);
}

function hanging(mark: string, text: string, width: number): string[] {
  return wrap(text, width - mark.length).map((line, index) => `${index === 0 ? mark : ' '.repeat(mark.length)}${line}`);
}

const TITLE_WIDTH = 13;

function indented(title: string, text: string, width: number): string[] {
  return hanging(`  ${title.padEnd(TITLE_WIDTH)}`, text, width);
}

type Row = readonly [title: string, text: string];

function detailOf(server: ServerStatus, hidden: GatewayStatus['hidden']): readonly Row[] {
  const { description, pid, isolation, instances, revision, restarts, noiseLines, templates, tags, environment } =
    server;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['description', description === undefined ? undefined : oneLine(description)],
    ['command', server.command === undefined ? undefined : oneLine(server.command)],
    ['package', packageText(server)],
    ['process', pid === undefined ? undefined : `pid ${pid}, ${count(restarts, 'restart')}`],
    ['sandbox', server.sandbox === undefined ? undefined : oneLine(server.sandbox.summary)],
    ...(server.sandbox?.gaps ?? []).map((gap): Row => ['', oneLine(gap)]),
    ['isolation', isolation === 'shared' ? undefined : `${isolation}: ${count(instances, 'instance')} running`],
    ['revision', revision],
    ['templates', templates === 0 ? undefined : String(templates)],
    ['tags', tags.length === 0 ? undefined : tags.map(oneLine).join(' ')],
    ['noise', noiseLines === 0 ? undefined : `${count(noiseLines, 'line')} on stdout that are no messages`],
    ...environmentRows(environment),
    ...[...Map.groupBy(hidden, ({ reason }) => reason)].map(([reason, offers]): Row => {
      const names = offers.map(({ what }) => oneLine(what)).join(' ');
      return ['hidden', `${names} (${oneLine(reason)})`];
    }),
  ];
  return rows.filter((row): row is Row => row[1] !== undefined);
}

/** What was installed for it, and how to write that it stays so. */
function packageText({ package: installed }: ServerStatus): string | undefined {
  if (installed === undefined) return undefined;
  const { spec, version, pinned } = installed;
  const text = `${oneLine(spec)}, installed apart`;
  return pinned === undefined ? text : `${text} (${oneLine(version ?? '')}; write ${oneLine(pinned)} to stay with it)`;
}

const SOURCES = { gateway: "the gateway's own", env: '`env`', envFile: '`envFile`', sandbox: 'its sandbox' } as const;

/** Names alone, by where they come from. */
function environmentRows(environment: ServerStatus['environment']): readonly Row[] {
  const bySource = Map.groupBy(environment, ({ from }) => from);
  const rows = Object.entries(SOURCES).flatMap(([from, title]) => {
    const names = bySource.get(from as keyof typeof SOURCES)?.map(({ name }) => oneLine(name));
    return names === undefined ? [] : [`${names.join(' ')} (${title})`];
  });
  return rows.map((text, index) => [index === 0 ? 'environment' : '', text]);
}
