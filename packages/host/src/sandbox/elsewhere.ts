/**
 * What to write where this machine cannot cage a server itself: the command line of a container of Docker or Podman, and the
 * settings of sandbox-runtime (`srt`), which uses Seatbelt on macOS. Text for a person, who chooses the image: nothing is
 * started by it. Shows no arguments and no values of the environment: they may hold secrets. Pure.
 */
import { basename } from 'node:path';
import { type Caged, isOnline, isProxied, userOf } from './level.ts';
import { DEFAULT_MEMORY_BYTES, DEFAULT_PROCESSES } from './limits.ts';
import type { SandboxFacts, SandboxSpec } from './spec.ts';

/** Images that have the usual launchers; for anything else a person has to know one. */
const IMAGES: ReadonlyMap<string, string> = new Map([
  ...['node', 'npm', 'npx'].map((name) => [name, 'node:24-slim'] as const),
  ...['python', 'python3'].map((name) => [name, 'python:3-slim'] as const),
  ...['uv', 'uvx'].map((name) => [name, 'ghcr.io/astral-sh/uv:python3.13-trixie-slim'] as const),
]);

/** Undefined: there is no engine, or it cannot give what the level asks for. */
export function engineLine(level: Caged, spec: SandboxSpec, facts: SandboxFacts): string | undefined {
  const { engine } = facts;
  // Which hosts a container reaches is no matter of its flags.
  if (engine === undefined || isProxied(level, spec)) return undefined;
  const { uid, gid } = userOf(spec, facts, level) ?? facts.user;
  const { cpuPercent, memoryBytes = DEFAULT_MEMORY_BYTES, processes = DEFAULT_PROCESSES } = spec;
  const name = basename(spec.command);
  const words = [
    `${engine} run --rm -i --init --read-only --cap-drop ALL --security-opt no-new-privileges`,
    `--user ${uid}:${gid} --memory ${memoryBytes} --pids-limit ${processes}`,
    ...(cpuPercent === undefined ? [] : [`--cpus ${cpuPercent / 100}`]),
    ...(isOnline(level, spec) ? [] : ['--network none']),
    '--tmpfs /tmp',
    ...folderFlags(level, spec),
    IMAGES.get(name) ?? 'IMAGE',
    name,
  ];
  return words.join(' ');
}

function folderFlags(level: Caged, { cwd, read = [], write = [] }: SandboxSpec): readonly string[] {
  const flags = [...read.map((path) => `-v ${path}:${path}:ro`), ...write.map((path) => `-v ${path}:${path}`)];
  return level === 'standard' ? [...flags, `-v ${cwd}:${cwd} -w ${cwd}`] : flags;
}

/** The settings file of `srt`; it has no other way to name hosts and paths. */
export function runtimeSettings({ hidden, network = [], read = [], write = [] }: SandboxSpec): string {
  return JSON.stringify({
    network: { allowedDomains: network, deniedDomains: [] },
    filesystem: { denyRead: ['~', ...hidden], allowRead: read, allowWrite: write, denyWrite: [] },
  });
}
