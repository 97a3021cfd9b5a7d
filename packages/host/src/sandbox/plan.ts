/**
 * Decides how a child is caged (levels `strict`, `standard`, `limited`, `none`): with which programs, which layers are missing
 * and what to do about them. Pure: goes by the facts of the machine and a survey of the paths; starts and makes nothing.
 */
import { containerRun } from './container.ts';
import { driverOf } from './driver.ts';
import { cageNotes, keptHome } from './home.ts';
import { BWRAP_SIZES, type Caged, isAtLeast, isCaged, isOnline, isProxied, NOBODY, userOf } from './level.ts';
import { planLimits } from './limits.ts';
import { envArgs, type Loader, splitEnvironment } from './loader.ts';
import { missingLayers, weaknesses } from './missing.ts';
import { inSystem, mountArgs } from './mounts.ts';
import { closedArgs } from './own-addresses.ts';
import { planContainer } from './plan-container.ts';
import { planEngine } from './plan-engine.ts';
import { planSeatbelt } from './plan-seatbelt.ts';
import { proxyEnvironment, PROXY_INSIDE, relayArgs, relayPrograms } from './relay.ts';
import { seccompFilter } from './seccomp.ts';
import type { SandboxFacts, SandboxLevel, SandboxPlan, SandboxSpec, SandboxUser, Survey } from './spec.ts';

/** The descriptor that bubblewrap reads the filter from. */
const FILTER_DESCRIPTOR = 3;
/** A network of the child's own that leads out, but neither to loopback nor to abstract sockets of this machine. */
export const PASTA_ARGS: readonly string[] =
  '--quiet --config-net --no-map-gw -t none -u none -T none -U none --'.split(' ');
/** Of bubblewrap, but for that of the network. */
export const NAMESPACES: readonly string[] =
  '--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try'.split(' ');

/** Only a plan whose `missing` is empty may be carried out. */
export function planSandbox(spec: SandboxSpec, facts: SandboxFacts, survey: Survey): SandboxPlan {
  const container = spec.level === 'none' ? undefined : containerRun(spec);
  if (container !== undefined) return planContainer(container, spec, facts);
  if (spec.image !== undefined) return planImage(spec.level ?? 'standard', spec, facts, survey);
  if (spec.level !== undefined) return planLevel(spec.level, spec, facts, survey);
  const standard = planLevel('standard', spec, facts, survey);
  // Paths alone are no reason for less: a server that may write there could spoil them, and be free at its next start.
  if (standard.missing.every(({ layer }) => layer === 'paths')) return standard;
  // What was written down is required at every level, so a level that lacks it is no way out.
  const weaker = (['limited', 'none'] as const)
    .map((level) => planLevel(level, spec, facts, survey))
    .find(({ missing }) => missing.length === 0);
  if (weaker === undefined) return standard;
  const reasons = standard.missing.map(({ why, remedy }) => `Not "standard": ${why} ${remedy}`);
  return { ...weaker, gaps: [...reasons, ...weaker.gaps] };
}

/** What was written is wanted, wherever the server is. */
function planImage(level: SandboxLevel, spec: SandboxSpec, facts: SandboxFacts, survey: Survey): SandboxPlan {
  if (isCaged(level)) return planEngine(level, spec, facts, survey);
  const plan = planLevel(level, spec, facts, survey);
  const why = `The level "${level}" has no container, and so no image.`;
  const remedy = 'Write "strict" or "standard", or leave "image" out.';
  return { ...plan, missing: [...plan.missing, { layer: 'image', why, remedy }] };
}

function planLevel(level: SandboxLevel, spec: SandboxSpec, facts: SandboxFacts, survey: Survey): SandboxPlan {
  const driver = driverOf(level, spec, facts);
  if ((driver === 'docker' || driver === 'podman') && isCaged(level)) return planEngine(level, spec, facts, survey);
  if (driver === 'seatbelt' || driver === 'sandbox-runtime')
    return planSeatbelt(level, spec, { facts, survey, driver });
  return { ...planOnLinux(level, spec, facts, survey), driver };
}

function planOnLinux(
  level: SandboxLevel,
  spec: SandboxSpec,
  facts: SandboxFacts,
  survey: Survey,
): Omit<SandboxPlan, 'driver'> {
  const user = userOf(spec, facts, level);
  const limits = planLimits(spec, facts, level, user ?? facts.user);
  const network = isProxied(level, spec) ? spec.network : undefined;
  const home = keptHome(spec, survey);
  const variables = network === undefined ? spec.env : { ...spec.env, ...proxyEnvironment(network) };
  const env = splitEnvironment(level, variables, home);
  const cage = isCaged(level)
    ? planCage(level, spec, facts, survey, env.loader)
    : { args: envArgs(facts, env.loader), cwd: spec.cwd, filter: undefined, guarded: [] };
  const way = network === undefined ? [] : wayArgs(spec, facts);
  const argv = [...limits.scope, ...setprivArgs(facts, level, user), ...cage.args, ...limits.prefix, ...way];
  const [command = spec.command, ...args] = [...argv, spec.command, ...spec.args];
  return {
    level,
    missing: [...missingLayers(level, spec, facts, survey), ...limits.missing],
    gaps: [...weaknesses(level, spec, facts), ...(isCaged(level) ? cageNotes(spec, survey) : []), ...limits.gaps],
    command,
    args,
    env: env.passed,
    cwd: cage.cwd,
    filter: cage.filter,
    network,
    cgroup: limits.cgroup && facts.cgroup && { facts: facts.cgroup, limits: limits.cgroup },
    limits: limits.by,
    user,
    guarded: cage.guarded,
    container: facts.container,
    shell: facts.shell,
  };
}

function planCage(
  level: Caged,
  spec: SandboxSpec,
  facts: SandboxFacts,
  survey: Survey,
  loader: Loader,
): Pick<SandboxPlan, 'args' | 'cwd' | 'filter' | 'guarded'> {
  const online = isOnline(level, spec);
  const mounts = mountArgs({
    survey,
    cwd: spec.cwd,
    home: level === 'standard' ? spec.home : undefined,
    relay: isProxied(level, spec) ? relayPaths(spec, facts) : [],
    bounded: isAtLeast(facts.bwrap, BWRAP_SIZES),
  });
  // bash, as the launcher, counts itself.
  const counted = spec.env['SHLVL'] === undefined ? ['--unsetenv', 'SHLVL'] : [];
  const inside = [...mounts.args, ...counted, ...loader.flatMap(([name, value]) => ['--setenv', name, value])];
  return {
    args: [
      ...(online ? pastaArgs(facts, survey) : []),
      ...bwrapArgs(facts, online, userOf(spec, facts, level) ?? facts.user, inside),
    ],
    // In the sight of the child the working folder is entered by bubblewrap; this user may not be able to.
    cwd: '/',
    filter: facts.arch && seccompFilter(facts.arch),
    guarded: mounts.guarded,
  };
}

function wayArgs({ env }: SandboxSpec, facts: SandboxFacts): readonly string[] {
  const programs = relayPrograms(facts);
  return programs === undefined ? [] : relayArgs(programs, env['SHLVL'] === undefined);
}

function relayPaths({ proxy }: SandboxSpec, { perl, node }: SandboxFacts): readonly (readonly [string, string])[] {
  return [
    ...(perl === undefined && !inSystem(node) ? [[node, node] as const] : []),
    ...(proxy === undefined ? [] : [[proxy, PROXY_INSIDE] as const]),
  ];
}

/** Becomes the user, dies with this process, and without bubblewrap also gives up new privileges and capabilities. */
export function setprivArgs(
  { setpriv, user: own }: Pick<SandboxFacts, 'setpriv' | 'user'>,
  level: SandboxLevel,
  user: SandboxUser | undefined,
): readonly string[] {
  if (setpriv === undefined || level === 'none') return [];
  const become = user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  const bounding = own.uid === 0 ? ['--bounding-set=-all'] : [];
  const give = level === 'limited' ? ['--no-new-privs', '--inh-caps=-all', ...bounding] : [];
  return [setpriv, ...become, ...give, '--pdeathsig=KILL', '--'];
}

function pastaArgs({ pasta, perl }: SandboxFacts, { addresses = [] }: Survey): readonly string[] {
  if (pasta === undefined) return [];
  return [pasta.path, ...PASTA_ARGS, ...(perl === undefined ? [] : closedArgs(perl, addresses))];
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
