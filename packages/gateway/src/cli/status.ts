/** `sallyport status`: whether the gateway runs, on what, and how it is. It starts nothing. */
import type { Command } from 'commander';
import { SYSTEM_PATH } from '../wiring/admin-endpoints.ts';
import type { SystemStatus } from '../gateway.ts';
import type { DaemonRecord } from '../wiring/daemon.ts';
import type { GatewayStatus, ServerStatus } from '../wiring/status.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { listText } from './list.ts';
import { printResult } from './output.ts';
import { askOwn } from './own-endpoint.ts';
import { findDaemon, hasChanged } from './running.ts';
import { agoText, count, oneLine, painter } from './text.ts';

export type SystemReport = SystemStatus & Pick<GatewayStatus, 'servers' | 'notes'>;

export function register(program: Command, context: CliContext): void {
  program
    .command('status')
    .summary('whether the gateway runs, and how it is')
    .description(`Says whether the gateway runs, and how it is. Exit code ${exitCodes.unreachable} when none runs.`)
    .action(async (_options: unknown, command: Command) => {
      const globals = globalsOf(command, context);
      const record = await findDaemon(context, globals);
      if (record === undefined) return notRunning(context, globals);
      const report = await readReport(context, record);
      if (report === undefined) return sayLittle(context, globals, record);
      const { config } = report;
      const changed = await hasChanged(context, { configPath: config?.path, configHash: config?.hash });
      const columns = context.columns();
      const color = globals.color && columns !== undefined;
      const value = {
        running: true,
        ...report,
        ...(config !== undefined && { config: { ...config, changed } }),
        ...(record.logPath !== undefined && { log: record.logPath }),
      };
      printResult(
        context,
        globals,
        value,
        statusText({ report, record, changed, nowMs: context.now(), columns, color }),
      );
    });
}

/** Undefined for a gateway that is not for this machine alone and keeps to itself how it is. */
async function readReport(context: CliContext, record: DaemonRecord): Promise<SystemReport | undefined> {
  try {
    return (await askOwn(context, record, SYSTEM_PATH)) as SystemReport;
  } catch (error) {
    if (error instanceof CliError && error.exitCode === exitCodes.refused) return undefined;
    throw error;
  }
}

/** What its record tells. */
function sayLittle(context: CliContext, globals: GlobalOptions, record: DaemonRecord): void {
  const { url, pid, startedMs, configPath, logPath } = record;
  const text = [
    `Sallyport runs at ${url}`,
    `  up       ${agoText(context.now() - startedMs)} (pid ${pid})`,
    ...(configPath === undefined ? [] : [`  file     ${oneLine(configPath)}`]),
    ...(logPath === undefined ? [] : [`  log      ${oneLine(logPath)}`]),
    'It is not for this machine alone (listen.host, publicUrl or trustProxy), so it does not say how its servers are.',
  ].join('\n');
  printResult(
    context,
    globals,
    { running: true, url, pid, startedMs, config: { path: configPath }, log: logPath },
    text,
  );
}

function notRunning(context: CliContext, globals: GlobalOptions): void {
  const text =
    'Sallyport is not running. `sallyport start` runs it in the background, `sallyport serve` in this terminal.';
  printResult(context, globals, { running: false }, text);
  context.exit(exitCodes.unreachable);
}

export interface StatusFacts {
  readonly report: SystemReport;
  readonly record: Pick<DaemonRecord, 'logPath' | 'reload'>;
  /** The file is another one than the gateway runs on. */
  readonly changed: boolean;
  readonly nowMs: number;
  readonly columns: number | undefined;
  readonly color: boolean;
}

export function statusText({ report, record, changed, nowMs, columns, color }: StatusFacts): string {
  const { url, pid, version, startedMs, sessions, servers, notes } = report;
  const paint = painter(color);
  const rows: readonly (readonly [string, string])[] = [
    ['up', `${agoText(nowMs - startedMs)} (pid ${pid}, version ${oneLine(version)})`],
    ['file', fileText(report.config, changed ? record.reload : undefined)],
    ['log', record.logPath === undefined ? 'in the terminal where it runs' : oneLine(record.logPath)],
    ['clients', `${count(sessions.http, 'session')} over HTTP, ${count(sessions.connections, 'connection')}`],
    ['servers', serversText(servers)],
  ];
  const problems = problemLines(report.config, nowMs);
  const wrong = servers.filter(({ error }) => error !== undefined);
  return [
    paint('bold', `Sallyport runs at ${url}`),
    ...rows.map(([title, text]) => `  ${title.padEnd(9)}${text}`),
    ...problems.map((line) => paint('red', line)),
    ...notes.map((line) => `  - ${oneLine(line)}`),
    ...(wrong.length === 0
      ? []
      : ['', listText({ servers: wrong, hidden: [] }, { columns, color, detail: false, lasting: true })]),
  ].join('\n');
}

/** `changed`: what the gateway does with a file that is another one than it runs on. */
function fileText(config: SystemStatus['config'], changed: string | undefined): string {
  if (config === undefined) return 'none: it was given on the command line';
  const path = oneLine(config.path);
  if (changed === undefined || config.error !== undefined || config.pending !== undefined) return path;
  return `${path} (changed since it was read: \`sallyport ${changed === 'off' ? 'restart' : 'reload'}\` takes it over)`;
}

function problemLines(config: SystemStatus['config'], nowMs: number): string[] {
  const { error, pending } = config ?? {};
  const failed =
    error === undefined
      ? []
      : [
          `  ! the file was not taken over ${agoText(nowMs - error.atMs)} ago, the one before it is in force:`,
          ...error.message.split('\n').map((line) => `    ${oneLine(line)}`),
        ];
  const waiting =
    pending === undefined
      ? []
      : ['  ! a change waits for a yes (`sallyport reload`):', ...pending.diff.map((line) => `    ${oneLine(line)}`)];
  return [...failed, ...waiting];
}

/** `3 up, 1 failed (files)`: what is wrong is named. */
function serversText(servers: readonly ServerStatus[]): string {
  if (servers.length === 0) return 'none';
  return [...Map.groupBy(servers, ({ state }) => state)]
    .map(
      ([state, those]) =>
        `${those.length} ${state}${state === 'failed' ? ` (${those.map(({ name }) => oneLine(name)).join(', ')})` : ''}`,
    )
    .join(', ');
}
