/** The configuration: found, trusted, valid, and shut to others where it holds secrets. */
import { ConfigError, formatProblem } from '../../config/problems.ts';
import type { DetailedConfig } from '../../config/load.ts';
import { loadToLook, trustStore } from '../configuration.ts';
import { count, shellWord } from '../text.ts';
import { fail, fixedBy, ok, warn, type Finding } from './report.ts';
import type { Visit } from './visit.ts';

export interface CheckedConfiguration {
  readonly findings: readonly Finding[];
  /** Absent: there is none that can be used. */
  readonly loaded?: DetailedConfig;
}

/** As many as anybody reads. */
const SHOWN = 10;

export async function checkConfiguration(visit: Visit): Promise<CheckedConfiguration> {
  const { context, globals } = visit;
  let loaded: DetailedConfig;
  try {
    loaded = await loadToLook(context, globals);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { findings: problemsOf(error) };
  }
  const { config, path } = loaded;
  const enabled = config.servers.filter((server) => server.enabled);
  const servers = `${count(enabled.length, 'server')}${enabled.length === config.servers.length ? '' : ` of ${config.servers.length} enabled`}`;
  return {
    loaded,
    findings: [
      ok('file', `${path}: valid, ${servers}`),
      ...(await trust(visit, loaded)),
      ...(await warnings(visit, loaded)),
    ],
  };
}

function problemsOf(error: ConfigError): readonly Finding[] {
  if (error.problems.length === 0) {
    const [first = ''] = error.message.split('\n');
    return [fail('file', first, 'sallyport add NAME -- COMMAND, or name a file with --config')];
  }
  const shown = error.problems.slice(0, SHOWN).map((problem) => fail('file', formatProblem(problem)));
  const more = error.problems.length - shown.length;
  return more === 0 ? shown : [...shown, fail('file', count(more, 'more problem'), 'sallyport validate')];
}

async function trust({ context }: Visit, { hash, origin, path }: DetailedConfig): Promise<readonly Finding[]> {
  if (origin !== 'directory') return [];
  const isTrusted = await (await trustStore(context)).isTrusted(path, hash);
  return [
    isTrusted
      ? ok('trust', 'found in the current directory, and trusted as it is')
      : fail(
          'trust',
          'found in the current directory, and not trusted: it says which commands to start',
          'sallyport trust',
        ),
  ];
}

async function warnings({ fix, system }: Visit, { path, warnings: told }: DetailedConfig): Promise<readonly Finding[]> {
  const remedy = `chmod 600 ${shellWord(path)}`;
  const findings: Finding[] = [];
  for (const problem of told) {
    const isExposed = problem.message.startsWith('others may read this file');
    const found = warn('file', formatProblem(problem), isExposed ? remedy : undefined);
    if (isExposed && fix) {
      await system.setMode(path, 0o600);
      findings.push(fixedBy(found, remedy));
    } else findings.push(found);
  }
  return findings;
}
