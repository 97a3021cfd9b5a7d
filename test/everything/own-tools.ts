/** Tools for the project's own tests, listed after those of the conformance suite. */
import { setTimeout as delay } from 'node:timers/promises';
import type { LoggingLevel, McpServer } from '@modelcontextprotocol/server';
import { schema, text } from './content.ts';
import { RAW_MARK, RAW_TOOL } from './raw.ts';
import { change } from './state.ts';
import type { EverythingState } from './state.ts';

const LEVELS: readonly LoggingLevel[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

function registerPlain(server: McpServer): void {
  server.registerTool(
    'echo',
    { description: 'Returns its text.', inputSchema: schema<{ text: string }>({ text: { type: 'string' } }) },
    (args) => text(args.text),
  );
  server.registerTool(
    'payload',
    {
      description: 'Returns that many bytes of text.',
      inputSchema: schema<{ bytes: number }>({ bytes: { type: 'integer', minimum: 0 } }),
    },
    ({ bytes }) => text('x'.repeat(bytes)),
  );
  server.registerTool(
    'log',
    {
      description: 'Sends one log message.',
      inputSchema: schema<{ level: LoggingLevel; text: string }>({
        level: { type: 'string', enum: [...LEVELS] },
        text: { type: 'string' },
      }),
    },
    async (args, ctx) => {
      await ctx.mcpReq.log(args.level, args.text);
      return text(`logged at ${args.level}`);
    },
  );
  server.registerTool(RAW_TOOL, { description: 'Answers with content and fields that no revision knows.' }, () => ({
    content: [],
    _meta: { [RAW_MARK]: true },
  }));
}

export function registerOwnTools(server: McpServer, state: EverythingState): void {
  registerPlain(server);
  server.registerTool(
    'sleep',
    {
      description: 'Reports that it has begun, then waits that many milliseconds or until the call is cancelled.',
      inputSchema: schema<{ ms: number }>({ ms: { type: 'integer', minimum: 0 } }),
    },
    async ({ ms }, ctx) => {
      const { signal, _meta: meta, notify } = ctx.mcpReq;
      signal.addEventListener('abort', () => (state.cancellations += 1), { once: true });
      if (meta?.progressToken !== undefined) {
        await notify({ method: 'notifications/progress', params: { progressToken: meta.progressToken, progress: 0 } });
      }
      await delay(ms, undefined, { signal });
      return text(`slept ${ms} ms`);
    },
  );
  server.registerTool('cancellations', { description: 'How many calls of sleep were cancelled.' }, () => ({
    ...text(String(state.cancellations)),
    structuredContent: { count: state.cancellations },
  }));
  server.registerTool(
    'bump',
    { description: 'Changes test://watched-resource and the list of tools, and says so to whoever listens.' },
    () => {
      change(state, 'resource');
      change(state, 'tools');
      return text(`revision ${state.revision}`);
    },
  );
}
