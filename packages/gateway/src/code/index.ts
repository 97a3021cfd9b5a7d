/** Code mode: programs over the tools, whether a model writes them or the configuration, and the tools as a program sees them (docs/CODE.md). */

import type { Answer } from '@sallyport/server';
import type { Call } from '../call.ts';
import type { AnsweringTool, SeenTool } from '../meta.ts';
import { createEngine } from './engine.ts';
import { createPrograms, PROGRAM_BYTES, programName, type ProgramsOptions } from './programs.ts';
import { createRunCode } from './run-code.ts';
import { createSaved, type SavedOptions } from './saved.ts';
import { pathOf, stubsOf } from './stubs.ts';

export { RUN_CODE } from './run-code.ts';

export interface CodeOptions extends Omit<ProgramsOptions, 'engine'>, Omit<SavedOptions, 'programs'> {}

export interface CodeRoom {
  readonly run: AnsweringTool;
  /** Answers a call of a program that is a tool itself. Rejects with a `Refused`. */
  readonly runSaved: (call: Call) => Promise<Answer>;
  /** Definitions as TypeScript. */
  readonly stubs: (tools: readonly SeenTool[]) => string;
  /** `tools.server.tool`, as a program writes it. */
  readonly path: (tool: SeenTool) => string;
  /** Somebody may bring a program soon. */
  expect(): void;
  /** Ends the programs that run. Idempotent. */
  close(): Promise<void>;
}

export function createCode(options: CodeOptions): CodeRoom {
  const engine = createEngine({ setTimer: options.setTimer, memoryBytes: PROGRAM_BYTES });
  const programs = createPrograms({ ...options, engine });
  return {
    run: createRunCode(programs),
    runSaved: createSaved({ ...options, programs }),
    stubs: (tools) =>
      stubsOf(tools.map((tool) => ({ server: tool.server, tool: programName(tool), definition: tool.shown }))),
    path: (tool) => pathOf({ server: tool.server, tool: programName(tool) }),
    expect: () => engine.expect(),
    close: () => engine.close(),
  };
}
