/** Tools of the conformance suite that answer at once, or after log messages and progress, and those of this project's tests. */
import { setTimeout as delay } from 'node:timers/promises';
import type { McpServer } from '@sallyport/server';
import { type } from 'arktype';
import * as z from 'zod';
import { RED_PIXEL_PNG, SILENT_WAV } from './media.ts';
import type { EverythingState } from './state.ts';

const STEP_MS = 50;
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

const text = (value: string): { type: string; text: string } => ({ type: 'text', text: value });

function addContent(server: McpServer): void {
  server.addTool(
    { name: 'test_simple_text', description: 'Returns simple text.' },
    () => 'This is a simple text response for testing.',
  );
  server.addTool({ name: 'test_image_content', description: 'Returns an image.' }, () => ({
    content: [{ type: 'image', data: RED_PIXEL_PNG, mimeType: 'image/png' }],
  }));
  server.addTool({ name: 'test_audio_content', description: 'Returns audio.' }, () => ({
    content: [{ type: 'audio', data: SILENT_WAV, mimeType: 'audio/wav' }],
  }));
  server.addTool({ name: 'test_embedded_resource', description: 'Returns an embedded resource.' }, () => ({
    content: [
      {
        type: 'resource',
        resource: {
          uri: 'test://embedded-resource',
          mimeType: 'text/plain',
          text: 'This is an embedded resource content.',
        },
      },
    ],
  }));
  server.addTool(
    { name: 'test_multiple_content_types', description: 'Returns text, an image and a resource.' },
    () => ({
      content: [
        text('Multiple content types test:'),
        { type: 'image', data: RED_PIXEL_PNG, mimeType: 'image/png' },
        {
          type: 'resource',
          resource: {
            uri: 'test://mixed-content-resource',
            mimeType: 'application/json',
            text: JSON.stringify({ test: 'data', value: 123 }),
          },
        },
      ],
    }),
  );
  server.addTool({ name: 'test_error_handling', description: 'Always fails.' }, () => ({
    isError: true,
    content: [text('This tool intentionally returns an error for testing')],
  }));
}

function addStreaming(server: McpServer): void {
  server.addTool({ name: 'test_tool_with_logging', description: 'Logs three messages.' }, async (_params, { log }) => {
    log('info', 'Tool execution started');
    await delay(STEP_MS);
    log('info', 'Tool processing data');
    await delay(STEP_MS);
    log('info', 'Tool execution completed');
    return 'Tool with logging executed successfully';
  });
  server.addTool(
    { name: 'test_logging_tool', description: 'Logs only where the request asks for it.' },
    (_params, { log }) => {
      log('info', 'Diagnostic message');
      return 'Logged where asked for';
    },
  );
  server.addTool(
    { name: 'test_tool_with_progress', description: 'Reports progress 0, 50, 100.' },
    async (_params, { progress }) => {
      for (const done of [0, 50, 100]) {
        progress(done, 100);
        if (done < 100) await delay(STEP_MS);
      }
      return 'Tool with progress executed successfully';
    },
  );
  server.addTool(
    { name: 'test_reconnection', description: 'Takes long enough for a client to leave and come back.' },
    async (_params, { hold }) => {
      hold();
      await delay(3 * STEP_MS);
      return 'Reconnection test completed';
    },
  );
}

function addSchemas(server: McpServer): void {
  server.addTool(
    {
      name: 'json_schema_2020_12_tool',
      description: 'Tool with JSON Schema 2020-12 features',
      inputSchema: {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        $defs: {
          address: {
            $anchor: 'addressDef',
            type: 'object',
            properties: { street: { type: 'string' }, city: { type: 'string' } },
          },
        },
        properties: {
          name: { type: 'string' },
          address: { $ref: '#/$defs/address' },
          contactMethod: { type: 'string', enum: ['phone', 'email'] },
          phone: { type: 'string' },
          email: { type: 'string' },
        },
        allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
        if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
        then: { required: ['phone'] },
        else: { required: ['email'] },
        additionalProperties: false,
      },
    },
    (params) => params,
  );
  server.addTool(
    {
      name: 'test_mirrored_headers',
      description: 'Its arguments are mirrored into request headers.',
      inputSchema: {
        type: 'object',
        properties: {
          region: { type: 'string', 'x-mcp-header': 'Region' },
          limit: { type: 'integer', 'x-mcp-header': 'Limit' },
        },
        required: ['region'],
      },
    },
    (params) => JSON.stringify(params),
  );
}

function addOwn(server: McpServer, state: EverythingState): void {
  server.addTool(
    { name: 'echo', description: 'Returns its text.', inputSchema: z.object({ text: z.string() }) },
    (params) => params.text,
  );
  server.addTool(
    {
      name: 'payload',
      description: 'Returns that many bytes of text.',
      inputSchema: type({ bytes: 'number.integer >= 0' }),
    },
    ({ bytes }) => 'x'.repeat(bytes),
  );
  server.addTool(
    {
      name: 'log',
      description: 'Sends one log message.',
      inputSchema: z.object({ level: z.enum(LEVELS), text: z.string() }),
    },
    (params, { log }) => {
      log(params.level, params.text);
      return `logged at ${params.level}`;
    },
  );
  server.addTool({ name: 'whoami', description: 'Who calls, by its credential.' }, (_params, { user }) => user.id);
  server.addTool(
    {
      name: 'sleep',
      description: 'Reports that it has begun, then waits that many milliseconds or until the call is cancelled.',
      inputSchema: z.object({ ms: z.int().min(0) }),
    },
    async ({ ms }, { progress, signal }) => {
      signal.addEventListener('abort', () => (state.cancellations += 1), { once: true });
      progress(0);
      await delay(ms, undefined, { signal });
      return `slept ${String(ms)} ms`;
    },
  );
  server.addTool(
    {
      name: 'cancellations',
      description: 'How many calls of sleep were cancelled.',
      outputSchema: z.object({ count: z.int() }),
    },
    () => ({ count: state.cancellations }),
  );
  server.addTool(
    {
      name: 'bump',
      description: 'Changes test://watched-resource and the list of tools, and says so to whoever listens.',
    },
    () => {
      state.revision += 1;
      server.resourceUpdated('test://watched-resource');
      state.toggleTool();
      return `revision ${String(state.revision)}`;
    },
  );
}

export function addContentTools(server: McpServer, state: EverythingState): void {
  addContent(server);
  addStreaming(server);
  addSchemas(server);
  server.addTool({ name: 'test_trigger_tool_change', description: 'Changes the list of tools.' }, () => {
    state.toggleTool();
    return 'Tool list changed';
  });
  server.addTool({ name: 'test_trigger_prompt_change', description: 'Changes the list of prompts.' }, () => {
    state.togglePrompt();
    return 'Prompt list changed';
  });
  addOwn(server, state);
}
