/** Resources, prompts and completion of the everything server. */
import type { Completer, McpServer } from '@sallyport/server';
import * as z from 'zod';
import { RED_PIXEL_PNG } from './media.ts';
import { WATCHED_URI } from './state.ts';
import type { EverythingState } from './state.ts';

const SUGGESTIONS: Readonly<Record<'arg1' | 'arg2', Completer>> = {
  arg1: ['paris', 'park', 'party'],
  arg2: ['test-one', 'test-two'],
};

export function addResources(server: McpServer, state: EverythingState): void {
  server.addResource(
    { uri: 'test://static-text', name: 'static-text', description: 'A static text resource.', mimeType: 'text/plain' },
    () => 'This is the content of the static text resource.',
  );
  server.addResource(
    {
      uri: 'test://static-binary',
      name: 'static-binary',
      description: 'A static binary resource.',
      mimeType: 'image/png',
    },
    () => Buffer.from(RED_PIXEL_PNG, 'base64'),
  );
  server.addResource(
    {
      uri: WATCHED_URI,
      name: 'watched-resource',
      description: 'A resource that the tool bump changes.',
      mimeType: 'text/plain',
    },
    () => `Revision ${String(state.revision)}`,
  );
  server.addResourceTemplate(
    {
      uriTemplate: 'test://template/{id}/data',
      name: 'template',
      description: 'A resource template.',
      mimeType: 'application/json',
      complete: { id: (value) => ['1', '12', '123'].filter((each) => each.startsWith(value)) },
    },
    ({ id }) => ({ id: id as string, templateTest: true, data: `Data for ID: ${String(id)}` }),
  );
}

export function addPrompts(server: McpServer): void {
  server.addPrompt(
    { name: 'test_simple_prompt', description: 'A simple prompt.' },
    () => 'This is a simple prompt for testing.',
  );
  server.addPrompt(
    {
      name: 'test_prompt_with_arguments',
      description: 'A prompt with two arguments.',
      argsSchema: z.object({
        arg1: z.string().describe('First test argument'),
        arg2: z.string().describe('Second test argument'),
      }),
      complete: SUGGESTIONS,
    },
    ({ arg1, arg2 }) => `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`,
  );
  server.addPrompt(
    {
      name: 'test_prompt_with_embedded_resource',
      description: 'A prompt that embeds a resource.',
      arguments: [{ name: 'resourceUri', description: 'URI of the resource to embed', required: true }],
    },
    ({ resourceUri = '' }) => [
      {
        role: 'user',
        content: {
          type: 'resource',
          resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
        },
      },
      { role: 'user', content: { type: 'text', text: 'Please process the embedded resource above.' } },
    ],
  );
  server.addPrompt({ name: 'test_prompt_with_image', description: 'A prompt with an image.' }, () => [
    { role: 'user', content: { type: 'image', data: RED_PIXEL_PNG, mimeType: 'image/png' } },
    { role: 'user', content: { type: 'text', text: 'Please analyze the image above.' } },
  ]);
  server.addPrompt(
    { name: 'test_input_required_result_prompt', description: 'Asks for its context.' },
    async (_args, { elicit }) => {
      const answer = await elicit({
        message: 'What context should the prompt use?',
        requestedSchema: z.object({ context: z.string() }),
      });
      return `Context: ${answer.content?.context ?? answer.action}`;
    },
  );
}
