/**
 * How often each tool was called, and how long it took. Calls whose arguments the schema refuses do not come this far. A table
 * has as many rows as there are tools.
 */
import type { Tool } from '../tools/tool.ts';

export interface ToolCall {
  readonly tool: string;
  readonly durationMs: number;
  readonly isRefused: boolean;
}

export interface ToolCount {
  readonly done: number;
  readonly refused: number;
  readonly durationMs: number;
}

/** The same tool, that tells of its calls. */
export function timed(tool: Tool, now: () => number, onCall: (call: ToolCall) => void): Tool {
  return {
    ...tool,
    async run(project, params, context) {
      const startedMs = now();
      const tell = (isRefused: boolean): void =>
        onCall({ tool: tool.name, durationMs: Math.max(0, now() - startedMs), isRefused });
      try {
        const answer = await tool.run(project, params, context);
        tell(false);
        return answer;
      } catch (error) {
        tell(true);
        throw error;
      }
    },
  };
}

export function addCall(counts: Map<string, ToolCount>, { durationMs, isRefused, tool }: ToolCall): void {
  const before = counts.get(tool) ?? { done: 0, refused: 0, durationMs: 0 };
  counts.set(tool, {
    done: before.done + (isRefused ? 0 : 1),
    refused: before.refused + (isRefused ? 1 : 0),
    durationMs: before.durationMs + durationMs,
  });
}
