/** Prompts of the everything server, and completion of their arguments and of the template's. */
import { inputRequired, inputResponse } from '@modelcontextprotocol/server';
import type { CompleteRequest, McpServer } from '@modelcontextprotocol/server';
import { RED_PIXEL_PNG, schema } from './content.ts';

const SUGGESTIONS: Readonly<Record<string, readonly string[]>> = {
  arg1: ['paris', 'park', 'party'],
  arg2: ['test-one', 'test-two'],
  id: ['1', '12', '123'],
};

function registerArguments(server: McpServer): void {
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'A prompt with two arguments.',
      argsSchema: schema<{ arg1: string; arg2: string }>({
        arg1: { type: 'string', description: 'First test argument' },
        arg2: { type: 'string', description: 'Second test argument' },
      }),
    },
    ({ arg1, arg2 }) => ({
      messages: [
        { role: 'user', content: { type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` } },
      ],
    }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    {
      description: 'A prompt that embeds a resource.',
      argsSchema: schema<{ resourceUri: string }>({
        resourceUri: { type: 'string', description: 'URI of the resource to embed' },
      }),
    },
    ({ resourceUri }) => ({
      messages: [
        {
          role: 'user',
          content: {
            type: 'resource',
            resource: {
              uri: resourceUri,
              mimeType: 'text/plain',
              text: 'Embedded resource content for testing.',
            },
          },
        },
        { role: 'user', content: { type: 'text', text: 'Please process the embedded resource above.' } },
      ],
    }),
  );
}

export function registerPrompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'A simple prompt.' }, () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'This is a simple prompt for testing.' } }],
  }));
  registerArguments(server);
  server.registerPrompt('test_prompt_with_image', { description: 'A prompt with an image.' }, () => ({
    messages: [
      { role: 'user', content: { type: 'image', data: RED_PIXEL_PNG, mimeType: 'image/png' } },
      { role: 'user', content: { type: 'text', text: 'Please analyze the image above.' } },
    ],
  }));
  server.registerPrompt('test_input_required_result_prompt', { description: 'Asks for its context.' }, (ctx) => {
    const answer = inputResponse(ctx.mcpReq.inputResponses, 'user_context');
    if (answer.kind !== 'elicit') {
      const form = inputRequired.elicit({
        message: 'What context should the prompt use?',
        requestedSchema: { type: 'object', properties: { context: { type: 'string' } }, required: ['context'] },
      });
      return inputRequired({ inputRequests: { user_context: form } });
    }
    const given = answer.content?.['context'];
    const context = typeof given === 'string' ? given : answer.action;
    return { messages: [{ role: 'user', content: { type: 'text', text: `Context: ${context}` } }] };
  });
}

export function registerCompletion(server: McpServer): void {
  server.server.setRequestHandler('completion/complete', ({ params }: CompleteRequest) => {
    const known = SUGGESTIONS[params.argument.name] ?? [];
    const values = known.filter((value) => value.startsWith(params.argument.value));
    return { completion: { values, total: values.length, hasMore: false } };
  });
}
