/** Which sandbox levels this machine has, layer by layer, and what is to be installed for more. */
import type { MissingLayer, SandboxFacts, SandboxLevel, SandboxSpec } from '@sallyport/host/sandbox';
import { ok, warn, type Finding } from './report.ts';

/** Something that can be caged anywhere, to ask what that would take. */
const ANYTHING: Omit<SandboxSpec, 'level'> = { command: '/bin/true', args: [], cwd: '/tmp', env: {}, hidden: [] };
const LEVELS: readonly SandboxLevel[] = ['strict', 'standard', 'limited'];

export async function checkSandbox(facts?: SandboxFacts): Promise<readonly Finding[]> {
  const host = await import('@sallyport/host/sandbox');
  const known = facts ?? (await host.createDetect()({ engine: true }));
  const survey = await host.surveyPaths(ANYTHING);
  const missing = LEVELS.map((level) => host.planSandbox({ ...ANYTHING, level }, known, survey).missing);
  const had = LEVELS.filter((_level, index) => missing[index]?.length === 0);
  const layers = eachOnce(missing.flat());
  return [
    levelsFinding(had),
    ...layers.map(({ layer, remedy, why }) => warn(layer, why, remedy)),
    ...tools(known),
    ...limits(known),
  ];
}

function levelsFinding(had: readonly SandboxLevel[]): Finding {
  const names = had.length === 0 ? 'no level but none' : had.join(', ');
  if (had.includes('strict') && had.includes('standard')) return ok('levels', `${names}; without a word, standard`);
  return warn('levels', `${names}; servers are caged less than they could be`);
}

function eachOnce(layers: readonly MissingLayer[]): readonly MissingLayer[] {
  return [...new Map(layers.map((layer) => [layer.why, layer])).values()];
}

function tools(facts: SandboxFacts): readonly Finding[] {
  const { bwrap, bwrapFailure, container, engine, engineFailure, pasta, seatbelt, setpriv, srt } = facts;
  const found = [
    ...(bwrap === undefined || bwrapFailure !== undefined ? [] : [`bubblewrap ${bwrap.version.join('.')}`]),
    ...(pasta === undefined ? [] : ['pasta']),
    ...(setpriv === undefined ? [] : ['setpriv']),
    ...(seatbelt === undefined ? [] : ['Seatbelt']),
    ...(srt === undefined ? [] : ['sandbox-runtime']),
    ...(engine === undefined ? [] : [`${engine.name}${engine.rootless ? ' (rootless)' : ''}`]),
    ...(container === undefined ? [] : [`inside a container (${container})`]),
  ];
  // That an engine does not run is a fault only where one is wanted.
  const silent = engineFailure === undefined ? [] : [ok('container engine', `does not answer: ${engineFailure}`)];
  return [...(found.length === 0 ? [] : [ok('programs', found.join(', '))]), ...silent];
}

function limits({ cgroup, platform, prlimit }: SandboxFacts): readonly Finding[] {
  if (platform !== 'linux') return [];
  if (cgroup !== undefined) return [ok('limits', `by control groups (version ${cgroup.version})`)];
  return [
    prlimit === undefined
      ? warn('limits', 'neither control groups nor prlimit: memory and processes are not bounded', 'install util-linux')
      : ok('limits', 'by rlimits, for each process alone: this user may make no control groups'),
  ];
}
