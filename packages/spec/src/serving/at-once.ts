/**
 * So many calls at once of the tools that start programs, and no more: each is a process or several, and a client asks faster
 * than they end. Who comes when all places are taken is refused, not kept waiting: whoever waits holds a request open.
 */
import { SpecError } from '../errors.ts';
import type { Tool } from '../tools/tool.ts';

export function atOnce(tools: readonly Tool[], most: number): readonly Tool[] {
  let taken = 0;
  return tools.map((tool) => {
    if (!tool.runs) return tool;
    const run: Tool['run'] = async (...call) => {
      if (taken >= most)
        throw new SpecError('busy', `${most} calls run programs already. Call again when one of them is over.`);
      taken += 1;
      try {
        return await tool.run(...call);
      } finally {
        taken -= 1;
      }
    };
    return { ...tool, run };
  });
}
