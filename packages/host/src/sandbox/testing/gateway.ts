/**
 * For tests: a process that cages one child as the gateway would, to be run as any user: `node gateway.ts SPEC`, SPEC being the
 * JSON of a specification with a `folder` for the filter, whose parent's name begins those of control groups, and with what is
 * `unlike` the facts of this machine. Passes the child's stdio through, tells its own number as
 * `GATEWAY_PID`, and writes the plan's description to stderr. Exits with 70 when the child was not started.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { basename, dirname } from 'node:path';
import { describeSandbox } from '../describe.ts';
import { createDetect } from '../detect.ts';
import { planSandbox } from '../plan.ts';
import { createSandboxes } from '../prepare.ts';
import type { SandboxFacts, SandboxSpec } from '../spec.ts';
import { surveyPaths } from '../survey.ts';

const { folder, unlike, ...spec } = JSON.parse(process.argv[2] ?? '') as SandboxSpec & {
  readonly folder: string;
  readonly unlike?: Partial<Record<keyof SandboxFacts, string | null>>;
};
const others = Object.entries(unlike ?? {}).map(([name, value]) => [name, value ?? undefined] as const);
const facts = { ...(await createDetect()()), ...Object.fromEntries(others) } as SandboxFacts;
const plan = planSandbox(spec, facts, await surveyPaths(spec));
process.stderr.write(`${JSON.stringify(describeSandbox(plan))}\n`);
try {
  const launch = await createSandboxes({
    folder,
    groupName: () => `${basename(dirname(folder))}-${randomUUID()}`,
  }).prepare(plan);
  const child = spawn(launch.command, launch.args, {
    cwd: launch.cwd,
    env: { ...launch.env, GATEWAY_PID: String(process.pid) },
    detached: true,
    stdio: 'inherit',
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  await launch.release();
  process.exitCode = signal === null ? (code ?? 0) : 71;
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 70;
}
