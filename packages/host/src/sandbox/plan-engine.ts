/**
 * The plan for a server in a container that is made for it, by Docker or Podman, of an image that is there: read-only, without
 * capabilities and new privileges, with the engine's own filter of system calls, its limits, and the paths of the specification and no
 * others. The container is named, so that it can be ended apart from the command that waits for it. Pure.
 */
import { basename } from 'node:path';
import { engineEnvironment, engineLimits, ulimits } from './engine-flags.ts';
import { gapsInContainer, missingInContainer, missingPaths } from './engine-missing.ts';
import { engineMounts } from './engine-mounts.ts';
import { cageNotes, keptHome } from './home.ts';
import { imageFor } from './images.ts';
import { type Caged, isOnline, isProxied, NOBODY, userOf } from './level.ts';
import { inSystem } from './mounts.ts';
import { relayInImage } from './relay.ts';
import {
  AT_START,
  type EngineFacts,
  type MissingLayer,
  type SandboxFacts,
  type SandboxPlan,
  type SandboxSpec,
  type SandboxUser,
  type Survey,
} from './spec.ts';

/** `level` is of `spec`, or what it stands for. */
export function planEngine(level: Caged, spec: SandboxSpec, facts: SandboxFacts, survey: Survey): SandboxPlan {
  const { engine } = facts;
  const image = spec.image ?? imageFor(spec.command);
  if (engine === undefined || image === undefined) return without(level, spec, facts, image);
  const user = userInside(spec, facts, engine);
  const network = isProxied(level, spec) ? spec.network : undefined;
  const limits = engineLimits(spec, engine);
  const isOfImage = inSystem(spec.command) || imageFor(spec.command) !== undefined;
  const seen = { ...survey, read: survey.read.filter(({ path }) => path !== spec.command || !isOfImage) };
  const mounts = engineMounts(level, spec, seen, engine);
  const env = engineEnvironment(spec, network, keptHome(spec, survey));
  const command = isOfImage ? basename(spec.command) : spec.command;
  const inside = network === undefined ? { entry: command, args: [] } : relayInImage(command);
  const [program = '', ...before] = engine.argv;
  const args = [
    ...before,
    ...`run --rm --interactive --init --pull never --name ${AT_START.name} --label ${AT_START.label}`.split(' '),
    ...'--read-only --cap-drop ALL --security-opt no-new-privileges --ipc private --cgroupns private'.split(' '),
    ...(engine.name === 'podman' ? '--read-only-tmpfs=false --image-volume=ignore --http-proxy=false'.split(' ') : []),
    '--no-healthcheck',
    ...userFlags(user, engine),
    ...limits.flags,
    ...ulimits(facts),
    ...(isOnline(level, spec) ? [] : ['--network', 'none']),
    ...mounts.flags,
    ...env.flags,
    '--entrypoint',
    inside.entry,
    AT_START.image,
    ...inside.args,
    ...spec.args,
  ];
  return {
    level,
    driver: engine.name,
    image,
    engine,
    missing: [
      ...missingInContainer(level, spec, facts, engine),
      ...missingPaths(survey),
      ...limits.missing,
      ...env.missing,
    ],
    gaps: [...gapsInContainer(level, spec, engine), ...mounts.gaps, ...cageNotes(spec, survey), ...limits.gaps],
    command: program,
    args,
    env: { ...env.passed, ...engine.env },
    cwd: '/',
    file: env.file,
    filter: undefined,
    network,
    cgroup: undefined,
    limits: limits.by,
    user: userOf(spec, facts, level),
    guarded: mounts.guarded,
    container: facts.container,
    shell: facts.shell,
  };
}

/** No engine answers, or nobody knows what to start. */
function without(
  level: Caged,
  { command }: SandboxSpec,
  { container, engineFailure, shell }: SandboxFacts,
  image: string | undefined,
): SandboxPlan {
  const why = engineFailure === undefined ? 'No container engine was found.' : `No container engine: ${engineFailure}.`;
  const missing: MissingLayer =
    image === undefined
      ? {
          layer: 'image',
          why: `No image is known that has "${basename(command)}".`,
          remedy: 'Write one that has it as "image" into "sandbox".',
        }
      : { layer: 'files', why, remedy: 'Install Podman or Docker, start it, and let this user use it.' };
  const nothing = { driver: undefined, args: [], env: {}, filter: undefined, network: undefined, cgroup: undefined };
  return {
    level,
    ...nothing,
    missing: [missing],
    gaps: [],
    command,
    cwd: '/',
    limits: {},
    user: undefined,
    guarded: [],
    container,
    shell,
  };
}

/** Root of an engine of a user's own is that user. */
function userInside({ user }: SandboxSpec, facts: SandboxFacts, { name, rootless }: EngineFacts): SandboxUser {
  if (rootless && name === 'docker') return { uid: 0, gid: 0 };
  return user ?? (facts.user.uid === 0 ? NOBODY : facts.user);
}

function userFlags({ gid, uid }: SandboxUser, { name, rootless }: EngineFacts): readonly string[] {
  return [...(rootless && name === 'podman' ? ['--userns', 'keep-id'] : []), '--user', `${uid}:${gid}`];
}
