/** Code mode: programs over the tools, and the tools as a program sees them (docs/DISCOVERY.md). */

import type { AnsweringTool, SeenTool } from '../meta.ts';
import { createEngine } from './engine.ts';
import { createRunCode, PROGRAM_BYTES, programName, type RunCodeOptions } from './run-code.ts';
import { pathOf, stubsOf } from './stubs.ts';

export { RUN_CODE } from './run-code.ts';

export interface CodeRoom {
  readonly run: AnsweringTool;
  /** Definitions as TypeScript. */
  readonly stubs: (tools: readonly SeenTool[]) => string;
  /** `tools.server.tool`, as a program writes it. */
  readonly path: (tool: SeenTool) => string;
  /** Ends the programs that run. Idempotent. */
  close(): Promise<void>;
}

export function createCode(options: Omit<RunCodeOptions, 'engine'>): CodeRoom {
  const engine = createEngine({ setTimer: options.setTimer, memoryBytes: PROGRAM_BYTES });
  return {
    run: createRunCode({ ...options, engine }),
    stubs: (tools) =>
      stubsOf(tools.map((tool) => ({ server: tool.server, tool: programName(tool), definition: tool.shown }))),
    path: (tool) => pathOf({ server: tool.server, tool: programName(tool) }),
    close: () => engine.close(),
  };
}
