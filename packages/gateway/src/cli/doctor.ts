/** `sallyport doctor [SERVER]`: looks at everything in order and says what is wrong, and what mends it; or whether it is fit to be deployed. */
import type { Command } from 'commander';
import { ConfigError, didYouMean } from '../config/problems.ts';
import type { DetailedConfig } from '../config/load.ts';
import type { ServerConfig } from '../config/types-server.ts';
import type { SecretBackend } from '../secrets/index.ts';
import { loadToRun, trustStore } from './configuration.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { checkAlerts } from './doctor/alerts.ts';
import { checkConfiguration } from './doctor/configuration.ts';
import { checkListener } from './doctor/listener.ts';
import { checkMachine } from './doctor/machine.ts';
import { examineProduction } from './doctor/production.ts';
import { countsOf, reportRecord, reportText, type Section } from './doctor/report.ts';
import { checkSandbox } from './doctor/sandbox.ts';
import { checkServer } from './doctor/servers.ts';
import { checkState } from './doctor/state.ts';
import { realDoctorSystem } from './doctor/system.ts';
import type { Visit } from './doctor/visit.ts';
import { CliError, exitCodes } from './exit.ts';
import { createInterrupt } from './interrupt.ts';
import { note, printResult } from './output.ts';
import { oneLine } from './text.ts';

interface Options {
  readonly production: boolean;
  readonly alerts: boolean;
  readonly fix: boolean;
}

/** How many servers are started at the same time. */
const AT_ONCE = 4;

export function register(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .summary('find what is wrong')
    .description(
      `Looks at this machine, the configuration, the state, the sandbox, the listener and the servers, starts each server once, and says what mends what is wrong. Exit code ${exitCodes.failed} when a check fails.`,
    )
    .argument('[SERVER]', 'look at this server alone')
    .option('--fix', 'mend what is safe: rights of files, what gateways that are gone have left', false)
    .option('--production', 'whether this may be deployed as it is; starts no server', false)
    .option('--alerts', 'send an alert to each place that is written, to try it', false)
    .action(async (server: string | undefined, { alerts, fix, production }: Options, command: Command) => {
      if (server !== undefined && (alerts || production)) {
        throw new CliError('--production and --alerts are about the whole: leave SERVER out', exitCodes.usage);
      }
      const globals = globalsOf(command, context);
      const state = await context.files.stateDirectory();
      const interrupt = createInterrupt(context);
      const interrupted = interrupt.asked;
      const visit: Visit = { context, globals, fix, state, system: realDoctorSystem(), interrupted };
      try {
        const examined = alerts || production ? examineWhole(visit, { alerts, production }) : examine(visit, server);
        const sections = await Promise.race([examined, interrupted]);
        print(context, globals, sections);
      } finally {
        interrupt.forget();
      }
    });
}

function print(context: CliContext, globals: GlobalOptions, sections: readonly Section[]): void {
  const columns = context.columns();
  const text = reportText(sections, { columns, color: globals.color && columns !== undefined });
  printResult(context, globals, reportRecord(sections), text);
  if (countsOf(sections).fail > 0) context.exit(exitCodes.failed);
}

async function examine(visit: Visit, server: string | undefined): Promise<readonly Section[]> {
  const { findings, loaded } = await checkConfiguration(visit);
  const configuration: Section = { title: 'Configuration', findings };
  if (server !== undefined) {
    if (loaded === undefined) return [configuration];
    const isWrong = findings.some(({ verdict }) => verdict === 'fail');
    return [...(isWrong ? [configuration] : []), ...(await serverSections(visit, loaded, [named(loaded, server)]))];
  }
  return [
    { title: 'Machine', findings: await checkMachine(visit) },
    configuration,
    { title: 'State', findings: await checkState(visit, backendOf(loaded)) },
    { title: 'Sandbox', findings: await checkSandbox() },
    ...(loaded === undefined
      ? []
      : [
          { title: 'Gateway', findings: await checkListener({ ...visit, loaded }) },
          ...(await serverSections(visit, loaded, loaded.config.servers)),
        ]),
  ];
}

/** What is asked about beside the servers. */
async function examineWhole(
  visit: Visit,
  { alerts, production }: Pick<Options, 'alerts' | 'production'>,
): Promise<readonly Section[]> {
  const { findings, loaded } = await checkConfiguration(visit);
  const configuration: Section = { title: 'Configuration', findings };
  if (loaded === undefined) return [configuration];
  const configured = { ...visit, loaded };
  return [
    configuration,
    ...(production
      ? [
          { title: 'Machine', findings: await checkMachine(visit) },
          { title: 'State', findings: await checkState(visit, backendOf(loaded)) },
          ...(await examineProduction(configured)),
        ]
      : []),
    ...(alerts ? [{ title: 'Alerts', findings: await checkAlerts(configured) }] : []),
  ];
}

function named({ config, path }: DetailedConfig, server: string): ServerConfig {
  const found = config.servers.find(({ name }) => name === server);
  if (found !== undefined) return found;
  const known = config.servers.map(({ name }) => name);
  const hint = didYouMean(server, known);
  throw new CliError(`there is no server \`${oneLine(server)}\` in ${path}${hint}`, exitCodes.usage);
}

function backendOf(loaded: DetailedConfig | undefined): SecretBackend {
  const { secrets } = (loaded?.expanded ?? {}) as { readonly secrets?: { readonly backend?: SecretBackend } };
  return secrets?.backend ?? 'auto';
}

async function serverSections(
  visit: Visit,
  loaded: DetailedConfig,
  servers: readonly ServerConfig[],
): Promise<readonly Section[]> {
  const { context } = visit;
  const enabled = servers.filter((server) => server.enabled).map(({ name }) => name);
  const runnable = enabled.length === 0 ? undefined : await runnableOf(visit, loaded);
  if (typeof runnable === 'string') {
    return [{ title: 'Servers', findings: [{ check: 'start', verdict: 'fail', text: runnable }] }];
  }
  const { openTrials } = await import('./doctor/trial.ts');
  const trials = runnable && (await openTrials({ context, loaded: runnable, servers: enabled }));
  try {
    const sections: Section[] = [];
    for (let first = 0; first < servers.length; first += AT_ONCE) {
      const some = servers.slice(first, first + AT_ONCE);
      const names = some.filter((server) => server.enabled).map(({ name }) => name);
      if (names.length > 0) note(context, `Looking at ${names.join(', ')} …`);
      const { strict } = loaded.config;
      const checked = some.map(async (server): Promise<Section> => {
        const findings = await checkServer(
          { ...visit, strict, attempt: trials && ((name) => trials.attempt(name)) },
          server,
        );
        return { title: `Server ${server.name}`, findings };
      });
      sections.push(...(await Promise.race([Promise.all(checked), visit.interrupted])));
    }
    return sections;
  } finally {
    await trials?.close();
  }
}

/** Undefined: nobody has trusted it, so nothing of it is started. A text: why it cannot be. */
async function runnableOf(
  { context, globals }: Visit,
  { hash, origin, path }: DetailedConfig,
): Promise<DetailedConfig | string | undefined> {
  const isTrusted = origin !== 'directory' || (await (await trustStore(context)).isTrusted(path, hash));
  if (!isTrusted) return undefined;
  try {
    // With the output of commands for secrets, which looking did without. Its warnings were said.
    return await loadToRun({ ...context, stderr: { write: () => undefined } }, globals);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}
