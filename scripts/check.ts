/**
 * All checks that a change has to pass, in order of cost, up to the first that fails: `npm run check`.
 * The tests of the built product and what asks a network are not here (`npm test`, `.ci/run`).
 */
import { show, type Command, type Show } from './run.ts';
import { publishedPackages, root } from './workspace.ts';

export interface Step {
  readonly name: string;
  readonly command: Command;
}

function steps(from: string): Step[] {
  return [
    { name: 'format', command: ['oxfmt', '--check'] },
    { name: 'lint', command: ['oxlint'] },
    { name: 'types', command: ['tsc', '-b'] },
    { name: 'unit tests', command: ['vitest', 'run', '--project', 'unit', '--reporter', 'dot'] },
    { name: 'unused', command: ['knip'] },
    ...publishedPackages(from).map((each): Step => ({
      name: `publint ${each.manifest.name}`,
      command: ['publint', 'run', each.folder, '--strict'],
    })),
    // Our packages are modules alone; what requires them needs a Node that can (22.12).
    ...publishedPackages(from).map((each): Step => ({
      name: `types as installed ${each.manifest.name}`,
      command: ['attw', '--pack', each.folder, '--profile', 'esm-only', '--no-definitely-typed', '--no-color'],
    })),
    { name: 'generated files', command: ['node', 'scripts/generated.ts', '--check'] },
  ];
}

/**
 * Runs the steps in order and stops at the first that does not end with 0. `now` counts milliseconds.
 * Answers the exit code.
 */
export function runSteps(
  list: readonly Step[],
  from: string,
  run: Show,
  now: () => number,
  write: (line: string) => void,
): number {
  const done: string[] = [];
  for (const { name, command } of list) {
    write(`\n— ${name}: ${command.join(' ')}`);
    const start = now();
    const code = run(command, from);
    const took = `${((now() - start) / 1000).toFixed(1)} s`;
    if (code !== 0) {
      const left = list.slice(done.length + 1).map((each) => each.name);
      write(`\ncheck FAILED at ${name} (${took}): ${command.join(' ')} ended with ${String(code)}`);
      if (left.length > 0) write(`not run: ${left.join(', ')}`);
      return 1;
    }
    done.push(`${name} ${took}`);
  }
  write(`\ncheck passed: ${done.join(', ')}`);
  return 0;
}

/** The steps without those that `args` leave out by `--without NAME` (something else ran them already). */
export function without(list: readonly Step[], args: readonly string[]): Step[] {
  const left = new Set<string>();
  for (let at = 0; at < args.length; at += 2) {
    const name = args[at + 1];
    if (args[at] !== '--without' || name === undefined || !list.some((each) => each.name === name)) {
      throw new Error(`usage: check [--without NAME]…, NAME one of: ${list.map((each) => each.name).join(', ')}`);
    }
    left.add(name);
  }
  return list.filter((each) => !left.has(each.name));
}

if (import.meta.main) {
  const chosen = without(steps(root), process.argv.slice(2));
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  process.exitCode = runSteps(chosen, root, show, () => performance.now(), write);
}
