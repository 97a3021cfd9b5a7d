/**
 * The plan for a server on macOS: by Seatbelt under a profile of ours, or by sandbox-runtime (`srt`), which writes one of its own from
 * settings. Both judge every operation of one process tree; neither has namespaces. Pure.
 */
import { cageNotes, keptHome } from './home.ts';
import { isInside } from './inside.ts';
import { isOnline, isProxied, userOf } from './level.ts';
import { DEFAULT_PROCESSES, OPEN_FILES, writtenLimits } from './limits.ts';
import { envArgs, isLoader, type Loader } from './loader.ts';
import { boundPaths, guardsOf } from './mounts.ts';
import { proxyEnvironment } from './relay.ts';
import { isNameable, LIMITED_PROFILE, seatbeltProfile, type SeatbeltView, SYSTEM } from './seatbelt.ts';
import {
  AT_START,
  type MissingLayer,
  type SandboxFacts,
  type SandboxLevel,
  type SandboxPlan,
  type SandboxSpec,
  type Survey,
} from './spec.ts';

/** As in every process, for what starts there has no other. */
const ULIMIT = `ulimit -c 0; ulimit -n "$1" 2>/dev/null; shift; exec "$@"`;

interface Machine {
  readonly facts: SandboxFacts;
  readonly survey: Survey;
  readonly driver: 'seatbelt' | 'sandbox-runtime';
}

export function planSeatbelt(level: SandboxLevel, spec: SandboxSpec, { driver, facts, survey }: Machine): SandboxPlan {
  const machine = { driver, facts, survey };
  const view = viewOf(level, spec, survey);
  const { passed, loader } = splitLoader({ ...spec.env, ...wayOf(level, spec) }, driver);
  const { shell = '/bin/sh' } = facts;
  const inner = [shell, '-c', ULIMIT, 'sallyport', String(OPEN_FILES), ...envArgs(facts, loader)];
  const [command = '', ...args] = [...outerArgs(level, machine, view), ...inner, spec.command, ...spec.args];
  return {
    level,
    driver,
    missing: missingHere(level, spec, machine, view),
    gaps: [...gapsOf(level, spec, driver), ...(level === 'limited' ? [] : cageNotes(spec, survey))],
    command,
    args,
    env: level === 'limited' ? passed : { ...passed, HOME: homeOf(level, spec, survey), TMPDIR: AT_START.scratch },
    cwd: spec.cwd,
    ...(driver === 'sandbox-runtime' && { file: runtimeSettings(view) }),
    filter: undefined,
    network: isProxied(level, spec) ? spec.network : undefined,
    cgroup: undefined,
    limits: {},
    user: undefined,
    guarded: [],
    container: facts.container,
    shell: facts.shell,
  };
}

function outerArgs(level: SandboxLevel, { driver, facts }: Machine, view: SeatbeltView): readonly string[] {
  const { seatbelt = 'sandbox-exec', srt = 'srt' } = facts;
  if (driver === 'sandbox-runtime') return [srt, '--settings', AT_START.file, '--'];
  return [seatbelt, '-p', level === 'limited' ? LIMITED_PROFILE : seatbeltProfile(view)];
}

function homeOf(level: SandboxLevel, spec: SandboxSpec, survey: Survey): string {
  return keptHome(spec, survey) ?? (level === 'standard' ? spec.home : undefined) ?? AT_START.scratch;
}

/** Variables that lead to the proxy. */
function wayOf(level: SandboxLevel, spec: SandboxSpec): Readonly<Record<string, string>> {
  const { network = [], proxyUrl } = spec;
  return isProxied(level, spec) && proxyUrl !== undefined ? proxyEnvironment(network, proxyUrl) : {};
}

/** `srt` is a program of Node, which others' variables would change as well. */
function splitLoader(
  env: SandboxSpec['env'],
  driver: Machine['driver'],
): { passed: Record<string, string>; loader: Loader } {
  const isOuter = (name: string): boolean =>
    isLoader(name) || (driver === 'sandbox-runtime' && name.startsWith('NODE_'));
  const entries = Object.entries(env);
  return {
    passed: Object.fromEntries(entries.filter(([name]) => !isOuter(name))),
    loader: entries.filter(([name]) => isOuter(name)),
  };
}

function viewOf(level: SandboxLevel, spec: SandboxSpec, survey: Survey): SeatbeltView {
  const bound = boundPaths(survey);
  const { laterRun, pinned } = guardsOf(survey, bound);
  const port = spec.proxyUrl === undefined ? undefined : Number(new URL(spec.proxyUrl).port);
  return {
    read: bound.filter(({ writable }) => !writable).map(({ real }) => real),
    write: bound.filter(({ writable }) => writable).map(({ real }) => real),
    // By their names too: what is put in their place is hidden as well.
    hidden: [...new Set([...spec.hidden, ...survey.hidden.map(({ path }) => path)])],
    revealed: survey.revealed,
    own: [...(level === 'standard' && spec.home !== undefined ? [spec.home] : []), AT_START.scratch],
    guarded: laterRun.map(({ path }) => path),
    pinned,
    network: isOnline(level, spec) ? 'open' : isProxied(level, spec) && port !== undefined ? port : 'none',
  };
}

/** Of sandbox-runtime. Only what the view names is seen; of the network nothing. */
function runtimeSettings({ guarded, hidden, own, read, revealed, write }: SeatbeltView): string {
  return JSON.stringify({
    network: { allowedDomains: [], deniedDomains: ['*'] },
    filesystem: {
      denyRead: ['/', ...hidden],
      allowRead: [...SYSTEM, '/dev', ...read, ...write, ...revealed, ...own],
      allowWrite: [...write, ...own],
      denyWrite: [...guarded, ...hidden.filter((path) => write.some((folder) => isInside(folder, path)))],
    },
  });
}

function missingHere(
  level: SandboxLevel,
  spec: SandboxSpec,
  { driver, facts, survey }: Machine,
  view: SeatbeltView,
): readonly MissingLayer[] {
  const { seatbelt, seatbeltFailure, shell } = facts;
  const missing: MissingLayer[] = [];
  if (driver === 'seatbelt' && seatbelt === undefined) {
    const why =
      seatbeltFailure === undefined
        ? 'sandbox-exec was not found.'
        : `sandbox-exec does not work here: ${seatbeltFailure}.`;
    missing.push({ layer: 'files', why, remedy: 'Install Podman or Docker and write "image", or write "none".' });
  }
  if (shell === undefined)
    missing.push({ layer: 'files', why: 'There is no /bin/sh.', remedy: 'Install a POSIX shell.' });
  if (level === 'strict') {
    const why = 'macOS has no namespaces of processes, users and mounts, which "strict" promises.';
    missing.push({ layer: 'platform', why, remedy: 'Write "standard" with "network": [], or start Podman or Docker.' });
  }
  if (spec.user !== undefined || userOf(spec, facts, level) !== undefined) {
    const why = 'On macOS Sallyport starts no server as another user, and none as root.';
    missing.push({ layer: 'user', why, remedy: 'Leave "user" out, and start Sallyport as a user of its own.' });
  }
  missing.push(...missingNetwork(level, spec, driver), ...missingLimits(spec));
  if (level === 'limited') return missing;
  for (const why of survey.problems) missing.push({ layer: 'paths', why, remedy: 'Correct "read" or "write".' });
  const named = [...view.read, ...view.write, ...view.hidden, ...view.revealed, ...view.own, ...view.guarded];
  for (const path of named.filter((each) => !isNameable(each))) {
    missing.push({
      layer: 'paths',
      why: `${JSON.stringify(path)} cannot stand in a profile.`,
      remedy: 'Choose a shorter name of plain characters.',
    });
  }
  missing.push(...(driver === 'sandbox-runtime' ? missingOfRuntime(named, survey) : []));
  return missing;
}

/** It takes names for patterns, and what must not be written anywhere wins over what is the server's own. */
function missingOfRuntime(named: readonly string[], survey: Survey): readonly MissingLayer[] {
  const pattern = named.find((path) => /[*?[\]]/.test(path));
  const { hidden } = guardsOf(survey, boundPaths(survey));
  const folder = hidden.find(({ kind }) => kind === 'folder');
  return [
    ...(pattern === undefined ? [] : [`sandbox-runtime takes "${pattern}" for a pattern.`]),
    ...(folder === undefined ? [] : [`"${folder.path}", which no server sees, is in a folder that this one is given.`]),
  ].map((why) => ({ layer: 'paths', why, remedy: 'Choose another folder.' }));
}

function missingNetwork(level: SandboxLevel, spec: SandboxSpec, driver: Machine['driver']): readonly MissingLayer[] {
  if (level === 'limited') {
    const why = 'The level "limited" leaves the whole network open.';
    return spec.network === undefined
      ? []
      : [{ layer: 'network', why, remedy: 'Write "standard", or leave "network" out.' }];
  }
  if (isProxied(level, spec) && (driver === 'sandbox-runtime' || spec.proxyUrl === undefined)) {
    const why = 'There is no way to the proxy that lets through the hosts of "network".';
    return [{ layer: 'network', why, remedy: 'Leave "network" out, or write an empty list.' }];
  }
  if (isOnline(level, spec) && driver === 'sandbox-runtime') {
    const why = 'sandbox-runtime opens the network to named hosts alone, which are not those of the gateway.';
    return [{ layer: 'network', why, remedy: 'Write "network": [].' }];
  }
  return [];
}

/** setrlimit(2) of macOS bounds no memory, and counts the processes of a user, all of them. */
function missingLimits(spec: SandboxSpec): readonly MissingLayer[] {
  return writtenLimits(spec).map((layer) => ({
    layer,
    why: `macOS cannot limit the ${layer} of a server.`,
    remedy: 'Leave this limit out.',
  }));
}

function gapsOf(level: SandboxLevel, spec: SandboxSpec, driver: Machine['driver']): readonly string[] {
  const gaps = [
    `macOS cannot limit the memory of a server, nor its processes (${DEFAULT_PROCESSES} elsewhere): only open files are bounded.`,
  ];
  if (level === 'limited') return ['The server sees the files of its user and the whole network.', ...gaps];
  gaps.push(
    'macOS has no namespaces and no filter of system calls: Seatbelt judges files, network and services instead.',
  );
  gaps.push('A process of the server that leaves its group outlives a gateway that is killed.');
  if (isOnline(level, spec)) {
    gaps.push('The server has IPv4 alone, and reaches what listens on other addresses of this machine than loopback.');
  }
  if (driver === 'sandbox-runtime') gaps.push('sandbox-runtime lets the server ask for the keychain.');
  return gaps;
}
