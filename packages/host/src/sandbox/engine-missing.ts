/** What a container of this engine cannot keep though it was asked for, and what is weaker than it could be. Pure. */
import { isInside } from './inside.ts';
import { type Caged, isOnline, isProxied } from './level.ts';
import { boundPaths, guardsOf } from './mounts.ts';
import type { EngineFacts, MissingLayer, SandboxFacts, SandboxSpec, Survey } from './spec.ts';

export function missingInContainer(
  level: Caged,
  spec: SandboxSpec,
  { shell, user }: SandboxFacts,
  { seccomp, virtual }: EngineFacts,
): readonly MissingLayer[] {
  const rows: readonly (readonly [boolean, MissingLayer])[] = [
    [
      !seccomp,
      {
        layer: 'seccomp',
        why: 'The engine filters no system calls.',
        remedy: 'Set the default filter of the engine in force again (seccomp).',
      },
    ],
    [shell === undefined, { layer: 'files', why: 'There is no /bin/sh.', remedy: 'Install a POSIX shell.' }],
    [
      spec.user !== undefined && user.uid !== 0 && spec.user.uid !== user.uid,
      {
        layer: 'user',
        why: 'Only root may run a server as another user.',
        remedy: 'Leave "user" out, or start Sallyport as root.',
      },
    ],
    [
      isProxied(level, spec) && (spec.proxy === undefined || virtual),
      {
        layer: 'network',
        why: 'There is no way from the container to the proxy that lets through the hosts of "network".',
        remedy: 'Leave "network" out, or write an empty list.',
      },
    ],
    [
      isOnline(level, spec) && virtual,
      {
        layer: 'network',
        why: 'The virtual machine of this engine passes on the ports of this machine.',
        remedy: 'Write "strict", or "network": [].',
      },
    ],
  ];
  return rows.filter(([isMissing]) => isMissing).map(([, layer]) => layer);
}

export function missingPaths(survey: Survey): readonly MissingLayer[] {
  const problems = survey.problems.map((why): MissingLayer => ({
    layer: 'paths',
    why,
    remedy: 'Correct "read" or "write".',
  }));
  const covered = guardsOf(survey, boundPaths(survey)).hidden.find(({ path }) =>
    survey.revealed.some((folder) => isInside(path, folder)),
  );
  if (covered === undefined) return problems;
  const why = `"${covered.path}", which no server sees, holds what this one needs, and is in a folder that it is given.`;
  return [...problems, { layer: 'paths', why, remedy: 'Give the server another "cwd".' }];
}

export function gapsInContainer(
  level: Caged,
  spec: SandboxSpec,
  { name, rootless, virtual }: EngineFacts,
): readonly string[] {
  return [
    ...(rootless || virtual ? [] : [`The engine runs as root: the container has no user namespace of its own.`]),
    ...(isOnline(level, spec)
      ? ['The server reaches what listens on all addresses of this machine, and what a cloud tells its machines.']
      : []),
    ...(name === 'docker' ? ['What the image declares as a volume is writable, and is not bounded.'] : []),
  ];
}
