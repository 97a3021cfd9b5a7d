/** Tools of the conformance suite that need an answer from the client. Each waits for it in the midst of its handler, in both eras. */
import type { Context, Elicited, FormQuestion, McpServer } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';

const NAME: JsonObject = { name: { type: 'string' } };

const DEFAULTS: JsonObject = {
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
};

const choices = (noun: string): { const: string; title: string }[] =>
  ['First', 'Second', 'Third'].map((rank, index) => ({ const: `value${String(index + 1)}`, title: `${rank} ${noun}` }));

const ENUMS: JsonObject = {
  untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
  titledSingle: { type: 'string', oneOf: choices('Option') },
  legacyEnum: {
    type: 'string',
    enum: ['opt1', 'opt2', 'opt3'],
    enumNames: ['Option One', 'Option Two', 'Option Three'],
  },
  untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
  titledMulti: { type: 'array', items: { anyOf: choices('Choice') } },
};

function form(
  message: string,
  properties: JsonObject,
  { key, required = Object.keys(properties) }: { readonly key?: string; readonly required?: readonly string[] } = {},
): FormQuestion<JsonObject> {
  const requestedSchema = { type: 'object', properties, required: [...required] };
  return { message, requestedSchema, ...(key !== undefined && { key }) };
}

function shown({ action, content }: Elicited<JsonObject>): string {
  return `action=${action}, content=${JSON.stringify(content ?? {})}`;
}

function field({ content }: Elicited<JsonObject>, name: string): string {
  const value = content?.[name];
  return typeof value === 'string' ? value : 'nobody';
}

async function greet({ elicit }: Context): Promise<string> {
  return `Hello, ${field(await elicit(form('What is your name?', NAME, { key: 'user_name' })), 'name')}!`;
}

async function askCapital({ sample }: Context): Promise<string> {
  const { content } = await sample({ messages: 'What is the capital of France?', maxTokens: 100 });
  return JSON.stringify(content);
}

function addSessionEraTools(server: McpServer): void {
  server.addTool(
    {
      name: 'test_sampling',
      description: 'Asks the client to sample.',
      inputSchema: { type: 'object', properties: { prompt: { type: 'string' } }, required: ['prompt'] },
    },
    async ({ prompt }, { sample }) => {
      const { content } = await sample({ messages: prompt as string, maxTokens: 100 });
      return `LLM response: ${JSON.stringify(content)}`;
    },
  );
  server.addTool(
    {
      name: 'test_elicitation',
      description: 'Asks the user.',
      inputSchema: { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] },
    },
    async ({ message }, { elicit }) => {
      const answer = await elicit(
        form(message as string, {
          username: { type: 'string', description: "User's response" },
          email: { type: 'string', description: "User's email address" },
        }),
      );
      return `User response: ${shown(answer)}`;
    },
  );
  const forms: [string, string, JsonObject][] = [
    ['test_elicitation_sep1034_defaults', 'Please review the defaults', DEFAULTS],
    ['test_elicitation_sep1330_enums', 'Please choose', ENUMS],
  ];
  for (const [name, message, properties] of forms) {
    server.addTool(
      { name, description: `Asks the user: ${message}.` },
      async (_params, { elicit }) =>
        `Elicitation completed: ${shown(await elicit(form(message, properties, { required: [] })))}`,
    );
  }
}

function addSingleRound(server: McpServer): void {
  server.addTool(
    { name: 'test_input_required_result_elicitation', description: 'Asks for a name.' },
    (_params, context) => greet(context),
  );
  server.addTool(
    { name: 'test_streaming_elicitation', description: 'Asks for a name on a stream.' },
    (_params, context) => greet(context),
  );
  server.addTool(
    { name: 'test_input_required_result_sampling', description: 'Samples an answer.' },
    (_params, context) => askCapital(context),
  );
  server.addTool(
    { name: 'test_missing_capability', description: 'Needs the client to be able to sample.' },
    (_params, context) => askCapital(context),
  );
  server.addTool(
    { name: 'test_input_required_result_list_roots', description: 'Lists the roots.' },
    async (_params, { roots }) => {
      const found = await roots({ key: 'client_roots' });
      return `Roots: ${found.map(({ uri }) => uri).join(', ')}`;
    },
  );
  server.addTool(
    { name: 'test_input_required_result_capabilities', description: 'Asks only for what the client declared.' },
    async (_params, { client: { capabilities }, elicit, roots, sample }) => {
      const asked = [
        ...(capabilities['elicitation'] === undefined ? [] : [elicit(form('What is your name?', NAME))]),
        ...(capabilities['sampling'] === undefined ? [] : [sample({ messages: 'Say hello', maxTokens: 50 })]),
        ...(capabilities['roots'] === undefined ? [] : [roots()]),
      ];
      return `Answered: ${String((await Promise.all(asked)).length)}`;
    },
  );
}

function addRounds(server: McpServer): void {
  for (const name of ['test_input_required_result_request_state', 'test_input_required_result_tampered_state']) {
    server.addTool({ name, description: 'Asks for a confirmation.' }, async (_params, { elicit }) => {
      await elicit(form('Please confirm', { ok: { type: 'boolean' } }));
      return 'state-ok';
    });
  }
  server.addTool(
    { name: 'test_input_required_result_multiple_inputs', description: 'Asks three things.' },
    async (_params, { elicit, roots, sample }) => {
      const [name, greeting] = await Promise.all([
        elicit(form('What is your name?', NAME)),
        sample({ messages: 'Generate a greeting', maxTokens: 50 }),
        roots(),
      ]);
      return `${field(name, 'name')}: ${JSON.stringify(greeting.content)}`;
    },
  );
  server.addTool(
    { name: 'test_input_required_result_multi_round', description: 'Asks in two rounds.' },
    async (_params, { elicit }) => {
      const name = field(await elicit(form('Step 1: What is your name?', NAME)), 'name');
      const color = await elicit(form('Step 2: What is your favorite color?', { color: { type: 'string' } }));
      return `${name} likes ${field(color, 'color')}`;
    },
  );
}

export function addInputTools(server: McpServer): void {
  addSessionEraTools(server);
  addSingleRound(server);
  addRounds(server);
}
