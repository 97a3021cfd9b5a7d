/**
 * The end of `init`: every server is asked once what it offers, so that the first list of a client is whole, and one tool is
 * called, so that the way is known to work. The tool is one that says it only reads and that needs no arguments.
 */
import type { ServerStatus, ToolRecord } from '../wiring/status.ts';
import type { Reached } from './connection.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { invoke } from './invoke.ts';
import { missingArguments } from './words.ts';

const DEADLINE_MS = 90_000;
const LOOK_MS = 250;

export interface Warmed {
  readonly servers: readonly ServerStatus[];
  readonly tools: readonly ToolRecord[];
}

/** Until each server has answered, failed or needs its person; at most a minute and a half. */
export async function warm(context: CliContext, gateway: Reached): Promise<Warmed> {
  const until = context.now() + DEADLINE_MS;
  // A list is what makes the gateway ask its servers.
  let { tools } = await gateway.tools();
  let { servers } = await gateway.status();
  const isOpen = ({ enabled, known, state }: ServerStatus): boolean =>
    enabled && !known && (state === 'idle' || state === 'starting');
  while (servers.some(isOpen) && context.now() < until) {
    await context.processes.delay(LOOK_MS);
    ({ tools } = await gateway.tools());
    ({ servers } = await gateway.status());
  }
  return { servers, tools };
}

/** What was done to prove it. */
export interface Proof {
  readonly tool: string | undefined;
  readonly failed: boolean;
}

export async function prove(
  context: CliContext,
  globals: GlobalOptions,
  gateway: Reached,
  tools: readonly ToolRecord[],
): Promise<Proof> {
  const harmless = tools.find(
    ({ annotations, inputSchema }) =>
      annotations?.['readOnlyHint'] === true &&
      // One that claims to be both is no reader.
      annotations['destructiveHint'] !== true &&
      missingArguments({}, inputSchema).length === 0,
  );
  if (harmless === undefined) return { tool: undefined, failed: false };
  const { name } = harmless;
  const result = await invoke(context, globals, gateway, 'tools/call', { name, arguments: {} });
  return { tool: name, failed: result['isError'] === true };
}
