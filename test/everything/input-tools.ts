/**
 * The conformance suite's tools that need an answer from the client: sampling, elicitation, roots. Each is
 * written as a multi-round call (2026-07-28, basic/patterns/mrtr); in the session era the SDK turns the same
 * return value into requests to the client on the call's own stream.
 */
import { CLIENT_CAPABILITIES_META_KEY, inputRequired, inputResponse, isSpecType } from '@modelcontextprotocol/server';
import type {
  CallToolResult,
  ElicitRequestFormParams,
  InputRequest,
  InputRequiredResult,
  InputResponseView,
  McpServer,
  ServerContext,
} from '@modelcontextprotocol/server';
import { schema, text } from './content.ts';
import type { EverythingState } from './state.ts';

type Properties = ElicitRequestFormParams['requestedSchema']['properties'];
type Answers = Record<string, InputResponseView>;

function elicit(message: string, properties: Properties, required: string[] = Object.keys(properties)): InputRequest {
  return inputRequired.elicit({ message, requestedSchema: { type: 'object', properties, required } });
}

function sample(prompt: string, maxTokens: number): InputRequest {
  return inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
    maxTokens,
  });
}

/** Only whether a capability is there matters here. */
type Declared = Readonly<Partial<Record<'sampling' | 'elicitation' | 'roots', unknown>>>;

/** What the client can do: said with the request in the stateless era, at `initialize` in the session era. */
function declaredCapabilities(server: McpServer, ctx: ServerContext): Declared | undefined {
  const envelope: Record<string, unknown> = { ...ctx.mcpReq.envelope };
  const own = envelope[CLIENT_CAPABILITIES_META_KEY];
  return isSpecType.ClientCapabilities(own) ? own : server.server.getClientCapabilities();
}

/** Asks for everything in `requests` until each is answered with its own kind of answer, then finishes. */
async function ask(
  ctx: ServerContext,
  requests: Record<string, InputRequest>,
  finish: (answers: Answers) => CallToolResult | Promise<CallToolResult | InputRequiredResult>,
  requestState?: () => Promise<string>,
): Promise<CallToolResult | InputRequiredResult> {
  const answers: Answers = {};
  for (const key of Object.keys(requests)) answers[key] = inputResponse(ctx.mcpReq.inputResponses, key);
  if (Object.values(answers).every((answer) => answer.kind !== 'missing')) return finish(answers);
  return inputRequired({
    inputRequests: requests,
    ...(requestState !== undefined && { requestState: await requestState() }),
  });
}

function shown(answer: InputResponseView | undefined): string {
  if (answer?.kind === 'elicit') return `action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`;
  if (answer?.kind === 'roots') return answer.roots.map((root) => root.uri).join(', ');
  if (answer?.kind === 'sampling') return JSON.stringify(answer.result.content);
  return 'nothing';
}

function field(answer: InputResponseView | undefined, name: string): string {
  const value = answer?.kind === 'elicit' ? answer.content?.[name] : undefined;
  return typeof value === 'string' ? value : 'nobody';
}

const NAME: Properties = { name: { type: 'string' } };

const DEFAULTS: Properties = {
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
};

const choices = (noun: string): { const: string; title: string }[] =>
  ['First', 'Second', 'Third'].map((rank, index) => ({ const: `value${index + 1}`, title: `${rank} ${noun}` }));

const ENUMS: Properties = {
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

function registerSessionEraTools(server: McpServer): void {
  server.registerTool(
    'test_sampling',
    {
      description: 'Asks the client to sample.',
      inputSchema: schema<{ prompt: string }>({ prompt: { type: 'string' } }),
    },
    ({ prompt }, ctx) =>
      ask(ctx, { sample: sample(prompt, 100) }, (answers) => text(`LLM response: ${shown(answers['sample'])}`)),
  );
  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user.', inputSchema: schema<{ message: string }>({ message: { type: 'string' } }) },
    ({ message }, ctx) => {
      const form = elicit(message, {
        username: { type: 'string', description: "User's response" },
        email: { type: 'string', description: "User's email address" },
      });
      return ask(ctx, { form }, (answers) => text(`User response: ${shown(answers['form'])}`));
    },
  );
  const forms: [string, string, Properties][] = [
    ['test_elicitation_sep1034_defaults', 'Please review the defaults', DEFAULTS],
    ['test_elicitation_sep1330_enums', 'Please choose', ENUMS],
  ];
  for (const [name, message, properties] of forms) {
    server.registerTool(name, { description: `Asks the user: ${message}.` }, (ctx) =>
      ask(ctx, { form: elicit(message, properties, []) }, (answers) =>
        text(`Elicitation completed: ${shown(answers['form'])}`),
      ),
    );
  }
}

function greet(ctx: ServerContext): Promise<CallToolResult | InputRequiredResult> {
  return ask(ctx, { user_name: elicit('What is your name?', NAME) }, (answers) =>
    text(`Hello, ${field(answers['user_name'], 'name')}!`),
  );
}

function askCapital(ctx: ServerContext): Promise<CallToolResult | InputRequiredResult> {
  return ask(ctx, { capital_question: sample('What is the capital of France?', 100) }, (answers) =>
    text(shown(answers['capital_question'])),
  );
}

function registerSingleRound(server: McpServer): void {
  server.registerTool('test_input_required_result_elicitation', { description: 'Asks for a name.' }, greet);
  server.registerTool('test_streaming_elicitation', { description: 'Asks for a name on a stream.' }, greet);
  server.registerTool('test_input_required_result_sampling', { description: 'Samples an answer.' }, askCapital);
  server.registerTool('test_missing_capability', { description: 'Needs the client to be able to sample.' }, askCapital);
  server.registerTool('test_input_required_result_list_roots', { description: 'Lists the roots.' }, (ctx) =>
    ask(ctx, { client_roots: inputRequired.listRoots() }, (answers) =>
      text(`Roots: ${shown(answers['client_roots'])}`),
    ),
  );
  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Asks only for what the client declared.' },
    (ctx) => {
      const declared = declaredCapabilities(server, ctx);
      const requests: Record<string, InputRequest> = {
        ...(declared?.elicitation !== undefined && { form: elicit('What is your name?', NAME) }),
        ...(declared?.sampling !== undefined && { sample: sample('Say hello', 50) }),
        ...(declared?.roots !== undefined && { roots: inputRequired.listRoots() }),
      };
      return ask(ctx, requests, (answers) => text(`Answered: ${Object.keys(answers).join(', ') || 'nothing'}`));
    },
  );
}

function registerWithState(server: McpServer, state: EverythingState): void {
  const mint = (round: number) => (): Promise<string> => state.requestState.mint({ round });
  const confirm = (ctx: ServerContext): Promise<CallToolResult | InputRequiredResult> =>
    ask(ctx, { confirm: elicit('Please confirm', { ok: { type: 'boolean' } }) }, () => text('state-ok'), mint(1));
  server.registerTool('test_input_required_result_request_state', { description: 'Carries a signed state.' }, confirm);
  server.registerTool(
    'test_input_required_result_tampered_state',
    { description: 'Refuses a changed state.' },
    confirm,
  );
  server.registerTool('test_input_required_result_multiple_inputs', { description: 'Asks three things.' }, (ctx) => {
    const requests = {
      user_name: elicit('What is your name?', NAME),
      greeting: sample('Generate a greeting', 50),
      client_roots: inputRequired.listRoots(),
    };
    return ask(
      ctx,
      requests,
      (answers) => text(`${field(answers['user_name'], 'name')}: ${shown(answers['greeting'])}`),
      mint(1),
    );
  });
  server.registerTool('test_input_required_result_multi_round', { description: 'Asks in two rounds.' }, (ctx) => {
    const known = ctx.mcpReq.requestState<{ round: number; name?: string }>();
    if (known?.round === 2) {
      return ask(
        ctx,
        { step2: elicit('Step 2: What is your favorite color?', { color: { type: 'string' } }) },
        (answers) => text(`${known.name ?? 'nobody'} likes ${field(answers['step2'], 'color')}`),
        () => state.requestState.mint(known),
      );
    }
    return ask(
      ctx,
      { step1: elicit('Step 1: What is your name?', NAME) },
      async (answers) =>
        inputRequired({
          inputRequests: { step2: elicit('Step 2: What is your favorite color?', { color: { type: 'string' } }) },
          requestState: await state.requestState.mint({ round: 2, name: field(answers['step1'], 'name') }),
        }),
      mint(1),
    );
  });
}

export function registerInputTools(server: McpServer, state: EverythingState): void {
  registerSessionEraTools(server);
  registerSingleRound(server);
  registerWithState(server, state);
}
