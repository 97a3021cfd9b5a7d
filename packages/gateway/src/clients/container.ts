/**
 * `docker run -e NAME IMAGE`: the engine hands over its own variable of that name, which it has from the client. A child of
 * Sallyport has only what is written, so the names have to be. What opens a container to the machine is said elsewhere.
 */
import type { Entry } from './types.ts';

/** Names of the variables that a container is to have from the environment of the engine's command. */
export function fromEnvironmentOf({ command, args }: Entry): string[] {
  const program = typeof command === 'string' ? (command.split(/[/\\]/).at(-1) ?? '') : '';
  if (!/^(?:docker|podman)(?:\.exe)?$/i.test(program) || !Array.isArray(args) || !args.includes('run')) return [];
  return args.flatMap((word: unknown, index) => {
    if (typeof word !== 'string') return [];
    const joined = /^--env=([A-Za-z_]\w*)$/.exec(word)?.[1];
    if (joined !== undefined) return [joined];
    const next: unknown = args[index + 1];
    const isName = (word === '-e' || word === '--env') && typeof next === 'string' && /^[A-Za-z_]\w*$/.test(next);
    return isName ? [next] : [];
  });
}
