/**
 * Decides how a child is caged (levels `strict`, `standard`, `limited`, `none`): with which programs, which layers are missing
 * and what to do about them. Pure: goes by the facts of the machine and a survey of the paths; starts and makes nothing.
 */
import { planLimits } from './limits.ts';
import { HOME_INSIDE, mountArgs } from './mounts.ts';
import { seccompFilter } from './seccomp.ts';
import type {
  MissingLayer,
  SandboxFacts,
  SandboxLevel,
  SandboxPlan,
  SandboxSpec,
  SandboxUser,
  Survey,
  Tool,
} from './spec.ts';

/** Whom root's children run as when nobody is named. */
export const NOBODY: SandboxUser = { uid: 65_534, gid: 65_534 };
/** The descriptor that bubblewrap reads the filter from. */
const FILTER_DESCRIPTOR = 3;
/** A network of the child's own that leads out, but neither to loopback nor to abstract sockets of this machine. */
export const PASTA_ARGS: readonly string[] =
  '--quiet --config-net --no-map-gw -t none -u none -T none -U none --'.split(' ');
/** Of bubblewrap, but for that of the network. */
export const NAMESPACES: readonly string[] =
  '--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try'.split(' ');
const BWRAP_LEAST: Tool['version'] = [0, 4];
/** From this version on bubblewrap can bound a tmpfs. */
const BWRAP_SIZES: Tool['version'] = [0, 7];

/** Variables by which a loader or shell would run something else already in the programs that build the sandbox. */
const LOADER = /^(?:LD_|BASH_FUNC_)|^(?:BASH_ENV|ENV|GCONV_PATH|GLIBC_TUNABLES|SHELLOPTS|BASHOPTS|PS4)$/;

type Caged = 'strict' | 'standard';
const isCaged = (level: SandboxLevel): level is Caged => level === 'strict' || level === 'standard';

/** Has a network; under `strict`, and with an empty list of hosts, there is none. */
const isOnline = (level: SandboxLevel, { network }: SandboxSpec): boolean =>
  level === 'standard' && network === undefined;

/** Only a plan whose `missing` is empty may be carried out. */
export function planSandbox(spec: SandboxSpec, facts: SandboxFacts, survey: Survey): SandboxPlan {
  if (spec.level !== undefined) return planLevel(spec.level, spec, facts, survey);
  const standard = planLevel('standard', spec, facts, survey);
  if (standard.missing.length === 0) return standard;
  // What was written down is required at every level, so a level that lacks it is no way out.
  const weaker = (['limited', 'none'] as const)
    .map((level) => planLevel(level, spec, facts, survey))
    .find(({ missing }) => missing.length === 0);
  if (weaker === undefined) return standard;
  const reasons = standard.missing.map(({ why, remedy }) => `Not "standard": ${why} ${remedy}`);
  return { ...weaker, gaps: [...reasons, ...weaker.gaps] };
}

function planLevel(level: SandboxLevel, spec: SandboxSpec, facts: SandboxFacts, survey: Survey): SandboxPlan {
  const user = userOf(spec, facts, level);
  const limits = planLimits(spec, facts, level, user ?? facts.user);
  const env = splitEnvironment(level, spec.env);
  const cage = isCaged(level) ? planCage(level, spec, facts, survey, env.loader) : undefined;
  const inner = cage?.args ?? envArgs(facts, env.loader);
  const argv = [...limits.scope, ...setprivArgs(facts, level, user), ...inner, ...limits.prefix];
  const [command = spec.command, ...args] = [...argv, spec.command, ...spec.args];
  return {
    level,
    missing: [...missingLayers(level, spec, facts, survey), ...limits.missing],
    gaps: [...weaknesses(level, spec, facts), ...limits.gaps],
    command,
    args,
    env: env.passed,
    // In the sight of the child the working folder is entered by bubblewrap; this user may not be able to.
    cwd: cage === undefined ? spec.cwd : '/',
    filter: cage?.filter,
    cgroup: limits.cgroup && facts.cgroup && { facts: facts.cgroup, limits: limits.cgroup },
    limits: limits.by,
    user,
    guarded: cage?.guarded ?? [],
    container: facts.container,
    shell: facts.shell,
  };
}

type Loader = readonly (readonly [name: string, value: string])[];

function planCage(
  level: Caged,
  spec: SandboxSpec,
  facts: SandboxFacts,
  survey: Survey,
  loader: Loader,
): Pick<SandboxPlan, 'args' | 'filter' | 'guarded'> {
  const online = isOnline(level, spec);
  const mounts = mountArgs({
    survey,
    cwd: spec.cwd,
    home: level === 'standard' ? spec.home : undefined,
    bounded: isAtLeast(facts.bwrap, BWRAP_SIZES),
  });
  // bash, as the launcher, counts itself.
  const counted = spec.env['SHLVL'] === undefined ? ['--unsetenv', 'SHLVL'] : [];
  const inside = [...mounts.args, ...counted, ...loader.flatMap(([name, value]) => ['--setenv', name, value])];
  return {
    args: [
      ...(online ? pastaArgs(facts) : []),
      ...bwrapArgs(facts, online, userOf(spec, facts, level) ?? facts.user, inside),
    ],
    filter: facts.arch && seccompFilter(facts.arch),
    guarded: mounts.guarded,
  };
}

function isAtLeast(tool: Tool | undefined, [major, minor]: Tool['version']): boolean {
  if (tool === undefined) return false;
  return tool.version[0] > major || (tool.version[0] === major && tool.version[1] >= minor);
}

/** Undefined: as this process. */
function userOf({ user }: SandboxSpec, facts: SandboxFacts, level: SandboxLevel): SandboxUser | undefined {
  const chosen = user ?? (facts.user.uid === 0 && level !== 'none' ? NOBODY : undefined);
  return chosen?.uid === facts.user.uid && chosen.gid === facts.user.gid ? undefined : chosen;
}

function splitEnvironment(
  level: SandboxLevel,
  env: SandboxSpec['env'],
): { readonly passed: SandboxSpec['env']; readonly loader: Loader } {
  const passed: Record<string, string> = Object.create(null);
  const loader: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (level !== 'none' && LOADER.test(name)) loader.push([name, value]);
    else passed[name] = value;
  }
  return { passed: isCaged(level) ? Object.assign(passed, { HOME: HOME_INSIDE, TMPDIR: '/tmp' }) : passed, loader };
}

function envArgs({ env }: SandboxFacts, loader: Loader): readonly string[] {
  return env === undefined || loader.length === 0 ? [] : [env, ...loader.map(([name, value]) => `${name}=${value}`)];
}

/** Becomes the user, dies with this process, and without bubblewrap also gives up new privileges and capabilities. */
function setprivArgs(
  { setpriv, user: own }: SandboxFacts,
  level: SandboxLevel,
  user: SandboxUser | undefined,
): readonly string[] {
  if (setpriv === undefined || level === 'none') return [];
  const become = user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  const bounding = own.uid === 0 ? ['--bounding-set=-all'] : [];
  const give = level === 'limited' ? ['--no-new-privs', '--inh-caps=-all', ...bounding] : [];
  return [setpriv, ...become, ...give, '--pdeathsig=KILL', '--'];
}

function pastaArgs({ pasta }: SandboxFacts): readonly string[] {
  return pasta === undefined ? [] : [pasta.path, ...PASTA_ARGS];
}

function bwrapArgs(
  { bwrap }: SandboxFacts,
  online: boolean,
  user: SandboxUser,
  inside: readonly string[],
): readonly string[] {
  if (bwrap === undefined) return [];
  // Of root's rights nothing is left, and of what pasta makes of the user nothing shall be seen.
  const { uid, gid } = user.uid === 0 ? NOBODY : user;
  const network = online ? [] : ['--unshare-net'];
  const rights = `--uid ${uid} --gid ${gid} --cap-drop ALL --die-with-parent --seccomp ${FILTER_DESCRIPTOR}`;
  return [bwrap.path, ...NAMESPACES, ...network, ...rights.split(' '), ...inside, '--'];
}

function missingLayers(
  level: SandboxLevel,
  spec: SandboxSpec,
  facts: SandboxFacts,
  survey: Survey,
): readonly MissingLayer[] {
  const missing = [...missingUser(level, spec, facts)];
  if (level === 'none') return missing;
  if (facts.platform !== 'linux') {
    const why = `The level "${level}" is built for Linux only so far.`;
    return [{ layer: 'platform', why, remedy: 'Write "none", and give the server a container of its own.' }];
  }
  if (!isCaged(level)) {
    if (facts.setpriv === undefined) {
      missing.push({ layer: 'user', why: 'setpriv was not found.', remedy: 'Install util-linux.' });
    }
    return missing;
  }
  missing.push(...missingBubblewrap(facts), ...missingNetwork(level, spec, facts));
  if (facts.arch === undefined) {
    const why = 'There is no filter of system calls for this processor.';
    missing.push({ layer: 'seccomp', why, remedy: 'Write "limited", or run on x64 or arm64.' });
  }
  for (const why of survey.problems) missing.push({ layer: 'paths', why, remedy: 'Correct "read" or "write".' });
  return missing;
}

function missingUser(level: SandboxLevel, spec: SandboxSpec, facts: SandboxFacts): readonly MissingLayer[] {
  if (spec.user === undefined || userOf(spec, facts, level) === undefined) return [];
  if (level === 'none') {
    return [
      { layer: 'user', why: 'The level "none" changes no user.', remedy: 'Write "limited", or leave "user" out.' },
    ];
  }
  if (facts.user.uid === 0) return [];
  const remedy = 'Leave "user" out, or start Sallyport as root.';
  return [{ layer: 'user', why: 'Only root may run a server as another user.', remedy }];
}

function missingBubblewrap({ bwrap, bwrapFailure, shell, user, setpriv }: SandboxFacts): readonly MissingLayer[] {
  const install = 'Install bubblewrap (apt install bubblewrap, dnf install bubblewrap), or write "limited".';
  if (bwrap === undefined) return [{ layer: 'files', why: 'bubblewrap was not found.', remedy: install }];
  if (!isAtLeast(bwrap, BWRAP_LEAST)) {
    return [
      { layer: 'files', why: `bubblewrap ${bwrap.version.join('.')} is too old: 0.4 is needed.`, remedy: install },
    ];
  }
  if (bwrapFailure !== undefined) {
    const remedy =
      'Allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns; in a container ' +
      'its seccomp and AppArmor profiles), or write "limited".';
    return [{ layer: 'files', why: `bubblewrap does not work here: ${bwrapFailure}.`, remedy }];
  }
  if (shell === undefined) return [{ layer: 'seccomp', why: 'There is no /bin/sh.', remedy: 'Install a POSIX shell.' }];
  // Without it a child of root would stay root.
  if (user.uid === 0 && setpriv === undefined) {
    return [{ layer: 'user', why: 'setpriv was not found.', remedy: 'Install util-linux.' }];
  }
  return [];
}

function missingNetwork(level: Caged, spec: SandboxSpec, facts: SandboxFacts): readonly MissingLayer[] {
  if (spec.network !== undefined && spec.network.length > 0) {
    const why = 'A network of named hosts only is not built yet.';
    return [
      { layer: 'network', why, remedy: 'Leave "network" out: then "strict" has none and "standard" an open one.' },
    ];
  }
  if (!isOnline(level, spec)) return [];
  const user = userOf(spec, facts, level) ?? facts.user;
  if (user.uid === 0) {
    const why = 'An open network apart from loopback cannot be made for root.';
    return [{ layer: 'network', why, remedy: 'Leave "user" out, or write "strict".' }];
  }
  if (facts.pasta === undefined || facts.pastaFailure !== undefined) {
    const why =
      facts.pasta === undefined
        ? 'pasta, which keeps a server from the ports of this machine, was not found.'
        : `pasta, which keeps a server from the ports of this machine, does not work here: ${facts.pastaFailure}.`;
    return [{ layer: 'network', why, remedy: 'Install passt (apt install passt), or write "strict" or "limited".' }];
  }
  return [];
}

function weaknesses(level: SandboxLevel, spec: SandboxSpec, facts: SandboxFacts): readonly string[] {
  const gaps: string[] = [];
  const isRoot = (userOf(spec, facts, level) ?? facts.user).uid === 0;
  if (level === 'none') gaps.push('No sandbox: the server may do what Sallyport itself may.');
  if (level === 'limited') gaps.push('The server sees the files of its user and the whole network.');
  if (isRoot && level !== 'none') gaps.push('The server runs as root, though without capabilities.');
  if (level !== 'none' && !facts.shellCloses) {
    gaps.push('Descriptors that Sallyport was started with may reach the server: install bash, which can close them.');
  }
  if (isCaged(level) && !isAtLeast(facts.bwrap, BWRAP_SIZES)) {
    gaps.push('This bubblewrap cannot bound the temporary files of a server: 0.7 can.');
  }
  return gaps;
}
