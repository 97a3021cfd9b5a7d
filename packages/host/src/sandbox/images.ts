/** Which image holds the usual launchers of servers. For anything else a person has to say one. */
import { basename } from 'node:path';

const IMAGES: ReadonlyMap<string, string> = new Map([
  ...['node', 'npm', 'npx'].map((name) => [name, 'docker.io/library/node:24-slim'] as const),
  ...['python', 'python3'].map((name) => [name, 'docker.io/library/python:3-slim'] as const),
  ...['uv', 'uvx'].map((name) => [name, 'ghcr.io/astral-sh/uv:python3.13-trixie-slim'] as const),
]);

/** Undefined: none is known. */
export function imageFor(command: string): string | undefined {
  return IMAGES.get(basename(command));
}
