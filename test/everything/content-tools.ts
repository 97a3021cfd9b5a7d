/** The conformance suite's tools that answer at once, or after log messages and progress. */
import { setTimeout as delay } from 'node:timers/promises';
import { fromJsonSchema } from '@modelcontextprotocol/server';
import type { JsonSchemaType, McpServer, ServerContext } from '@modelcontextprotocol/server';
import { RED_PIXEL_PNG, SILENT_WAV, schema, text } from './content.ts';
import { change } from './state.ts';
import type { EverythingState } from './state.ts';

const STEP_MS = 50;

/** A property whose value clients also send as the header `Mcp-Param-NAME` (2026-07-28, tools/x-mcp-header). */
function mirrored(type: 'string' | 'integer', name: string): JsonSchemaType {
  return Object.assign({ type }, { 'x-mcp-header': name });
}

async function logSteps(ctx: ServerContext): Promise<void> {
  await ctx.mcpReq.log('info', 'Tool execution started');
  await delay(STEP_MS);
  await ctx.mcpReq.log('info', 'Tool processing data');
  await delay(STEP_MS);
  await ctx.mcpReq.log('info', 'Tool execution completed');
}

async function reportProgress(ctx: ServerContext): Promise<void> {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  for (const progress of [0, 50, 100]) {
    if (progressToken !== undefined) {
      await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
    }
    if (progress < 100) await delay(STEP_MS);
  }
}

function registerContent(server: McpServer): void {
  server.registerTool('test_simple_text', { description: 'Returns simple text.' }, () =>
    text('This is a simple text response for testing.'),
  );
  server.registerTool('test_image_content', { description: 'Returns an image.' }, () => ({
    content: [{ type: 'image', data: RED_PIXEL_PNG, mimeType: 'image/png' }],
  }));
  server.registerTool('test_audio_content', { description: 'Returns audio.' }, () => ({
    content: [{ type: 'audio', data: SILENT_WAV, mimeType: 'audio/wav' }],
  }));
  server.registerTool('test_embedded_resource', { description: 'Returns an embedded resource.' }, () => ({
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
  server.registerTool('test_multiple_content_types', { description: 'Returns text, an image and a resource.' }, () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
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
  }));
  server.registerTool('test_error_handling', { description: 'Always fails.' }, () => ({
    isError: true,
    ...text('This tool intentionally returns an error for testing'),
  }));
}

function registerStreaming(server: McpServer): void {
  server.registerTool('test_tool_with_logging', { description: 'Logs three messages.' }, async (ctx) => {
    await logSteps(ctx);
    return text('Tool with logging executed successfully');
  });
  server.registerTool('test_logging_tool', { description: 'Logs only where the request asks for it.' }, async (ctx) => {
    await ctx.mcpReq.log('info', 'Diagnostic message');
    return text('Logged where asked for');
  });
  server.registerTool('test_tool_with_progress', { description: 'Reports progress 0, 50, 100.' }, async (ctx) => {
    await reportProgress(ctx);
    return text('Tool with progress executed successfully');
  });
  server.registerTool(
    'test_reconnection',
    { description: 'Closes its own stream in mid-call where the session era allows a client to resume it.' },
    async (ctx) => {
      await delay(STEP_MS);
      ctx.http?.closeSSE?.();
      await delay(2 * STEP_MS);
      return text('Reconnection test completed');
    },
  );
}

function registerSchemas(server: McpServer): void {
  server.registerTool(
    'json_schema_2020_12_tool',
    {
      description: 'Tool with JSON Schema 2020-12 features',
      inputSchema: fromJsonSchema<Record<string, unknown>>({
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
      }),
    },
    (args) => text(JSON.stringify(args)),
  );
  server.registerTool(
    'test_mirrored_headers',
    {
      description: 'Its arguments are mirrored into request headers.',
      inputSchema: schema<{ region: string; limit?: number }>(
        { region: mirrored('string', 'Region'), limit: mirrored('integer', 'Limit') },
        ['limit'],
      ),
    },
    ({ region, limit }) => text(`region=${region} limit=${limit ?? 'none'}`),
  );
}

export function registerContentTools(server: McpServer, state: EverythingState): void {
  registerContent(server);
  registerStreaming(server);
  registerSchemas(server);
  server.registerTool('test_trigger_tool_change', { description: 'Changes the list of tools.' }, () => {
    change(state, 'tools');
    return text('Tool list changed');
  });
  server.registerTool('test_trigger_prompt_change', { description: 'Changes the list of prompts.' }, () => {
    change(state, 'prompts');
    return text('Prompt list changed');
  });
}
