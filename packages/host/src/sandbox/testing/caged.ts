/** For tests: runs a program caged, with a gateway that is this user or nobody (uid 65534). */
import { type ChildProcessWithoutNullStreams, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeSandbox } from '../describe.ts';
import { createDetect } from '../detect.ts';
import { planSandbox } from '../plan.ts';
import type { SandboxFacts, SandboxSpec } from '../spec.ts';

export type GatewayUser = 'this user' | 'nobody';

const GATEWAY = fileURLToPath(new URL('./gateway.ts', import.meta.url));
export const NODE: string = realpathSync(process.execPath);

export const isRoot: boolean = process.getuid?.() === 0;
/** As which users the gateway of a test can be run here. */
export const GATEWAY_USERS: readonly GatewayUser[] = isRoot ? ['this user', 'nobody'] : ['this user'];

const BECOME_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const;

export interface CagedSpec extends Partial<SandboxSpec> {
  /** Private to the gateway's user, for the filter. */
  readonly folder: string;
  /** A descriptor of this process that the gateway is started with as number 40: Node marks only the first of them. */
  readonly leaked?: number;
  /** Facts that the gateway takes for others than they are; null: the machine has no such thing. */
  readonly unlike?: Partial<Record<keyof SandboxFacts, string | null>>;
}

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** The levels whose layers this machine has; says on the console which tests are skipped and why. */
export async function levelsHere(test: string): Promise<readonly ('strict' | 'standard')[]> {
  const facts = await createDetect()();
  const survey = { read: [], write: [], hidden: [], revealed: [], laterRun: [], problems: [] };
  return (['strict', 'standard'] as const).filter((level) => {
    const spec = { level, command: NODE, args: [], cwd: '/', env: {}, hidden: [] };
    const { missing } = describeSandbox(planSandbox(spec, facts, survey));
    if (missing.length > 0) console.warn(`${test}: "${level}" is skipped: ${missing.join(' ')}`);
    return missing.length === 0;
  });
}

/** stdin, stdout and stderr are the child's; the gateway's own words come first on stderr. */
export function startCaged(user: GatewayUser, { leaked, ...spec }: CagedSpec): ChildProcessWithoutNullStreams {
  const whole = { cwd: '/', env: { PATH: '/usr/bin:/bin' }, hidden: [], args: [], ...spec };
  const gateway = [GATEWAY, JSON.stringify(whole)];
  const [command, ...args] = user === 'nobody' ? [...BECOME_NOBODY, NODE, ...gateway] : [NODE, ...gateway];
  const unused = Array.from({ length: 37 }, () => 'ignore' as const);
  const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', ...(leaked === undefined ? [] : [...unused, leaked])];
  return spawn(command, args, { env: { PATH: '/usr/bin:/bin' }, stdio }) as ChildProcessWithoutNullStreams;
}

export async function runCaged(user: GatewayUser, spec: CagedSpec): Promise<Finished> {
  const gateway = startCaged(user, spec);
  const output = { stdout: '', stderr: '' };
  gateway.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  gateway.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  gateway.stdin.end();
  const [code] = (await once(gateway, 'close')) as [number | null];
  return { ...output, code };
}

/** `script`: the body of an async function of a module, caged; resolves with what it returns, as JSON. */
export async function evaluateCaged(user: GatewayUser, spec: CagedSpec, script: string): Promise<unknown> {
  const source = `const { readFileSync, writeFileSync, readdirSync, renameSync, unlinkSync, symlinkSync } = require('node:fs');
    const net = require('node:net');
    const { spawn, spawnSync } = require('node:child_process');
    const attempt = async (act) => { try { const value = await act(); return value === undefined ? 'done' : value } catch (error) { return error.code ?? String(error) } };
    (async () => { ${script} })().then((value) => { console.log(JSON.stringify(value)); process.exit() });`;
  const { stdout, stderr, code } = await runCaged(user, { ...spec, command: NODE, args: ['-e', source] });
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr} ${stdout}`);
  return JSON.parse(stdout) as unknown;
}
