/**
 * What a plain client does in each client scenario of the suite: the suite's mock server judges the requests
 * that reach it. The client is the official SDK v2, so nothing here is the gateway's own code.
 */
import { isSpecType } from '@modelcontextprotocol/client';
import type { CallToolResult, Client, ElicitResult } from '@modelcontextprotocol/client';
import { openSdk2 } from '../../test/support/clients.ts';
import type { Handlers, OpenSdk2Options } from '../../test/support/clients.ts';

/** What the suite hands to the client under test besides the URL. */
export interface Scenario {
  readonly name: string;
  readonly url: string;
  readonly era: OpenSdk2Options['era'];
  /** Of a caller that has to say who it is. */
  readonly headers?: Record<string, string>;
  /** The calls that `http-custom-headers` wants made. */
  readonly toolCalls: readonly { readonly name: string; readonly arguments: Record<string, unknown> }[];
}

type Steps = (client: Client, scenario: Scenario) => Promise<void>;

const CALL_TIMEOUT_MS = 15_000;

function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<CallToolResult> {
  return client.callTool({ name, arguments: args }, { timeout: CALL_TIMEOUT_MS });
}

/** For calls whose own failure is no verdict: it is printed, the mock server judges. */
async function attempt(client: Client, name: string, args: Record<string, unknown> = {}): Promise<void> {
  try {
    await call(client, name, args);
  } catch (error) {
    process.stderr.write(`call of ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

async function useEverythingListed(client: Client): Promise<void> {
  const [tool] = (await client.listTools()).tools;
  if (tool !== undefined) await call(client, tool.name);
  const [resource] = (await client.listResources()).resources;
  if (resource !== undefined) await client.readResource({ uri: resource.uri });
  const [prompt] = (await client.listPrompts()).prompts;
  if (prompt !== undefined) await client.getPrompt({ name: prompt.name, arguments: {} });
}

async function callEveryToolListed(client: Client): Promise<void> {
  // The list as it came: the SDK's own would hide tools that the gateway ought to have left out.
  const listed: unknown = await client.request({ method: 'tools/list' });
  if (!isSpecType.ListToolsResult(listed)) throw new Error('tools/list did not answer a list of tools');
  await client.listTools();
  for (const { name } of listed.tools) await attempt(client, name, { region: 'us-west1' });
}

async function echoSchema(client: Client): Promise<void> {
  const { tools } = await client.listTools();
  const tool = tools.find(({ name }) => name === 'json_schema_2020_12_tool');
  if (tool === undefined) throw new Error('json_schema_2020_12_tool is not listed');
  await call(client, 'json_schema_echo', { schema: tool.inputSchema });
}

/** Logs in on the way, where the gateway does not know how to come by a token otherwise. */
const callProtected: Steps = async (client) => {
  await client.listTools();
  await call(client, 'test-tool');
};

/** These servers have nothing to call. */
const listProtected: Steps = async (client) => void (await client.listTools());

const STEPS: Readonly<Record<string, Steps>> = {
  initialize: async (client) => void (await client.listTools()),
  tools_call: async (client) => {
    const { tools } = await client.listTools();
    if (!tools.some(({ name }) => name === 'add_numbers')) throw new Error('add_numbers is not listed');
    await call(client, 'add_numbers', { a: 5, b: 3 });
  },
  'elicitation-sep1034-client-defaults': async (client) => {
    await client.listTools();
    await call(client, 'test_client_elicitation_defaults');
  },
  'sse-retry': async (client) => {
    await client.listTools();
    await call(client, 'test_reconnection');
  },
  'request-metadata': async (client) => void (await client.listTools()),
  'http-standard-headers': useEverythingListed,
  'http-custom-headers': async (client, { toolCalls }) => {
    await client.listTools();
    for (const wanted of toolCalls) await attempt(client, wanted.name, wanted.arguments);
  },
  'http-invalid-tool-headers': callEveryToolListed,
  'sep-2322-client-request-state': async (client) => {
    for (const kind of ['echo_state', 'no_state', 'unrelated', 'no_result_type']) {
      await attempt(client, `test_mrtr_${kind}`);
    }
  },
  'json-schema-ref-no-deref': async (client) => void (await client.listTools()),
  'json-schema-2020-12-preservation': echoSchema,
};

const accept =
  (content: NonNullable<ElicitResult['content']>): NonNullable<Handlers['elicitation']> =>
  () => ({ action: 'accept', content });

const HANDLERS: Readonly<Record<string, Handlers>> = {
  'elicitation-sep1034-client-defaults': { elicitation: accept({}) },
  'request-metadata': {
    elicitation: accept({}),
    roots: () => ({ roots: [] }),
    sampling: () => ({ model: 'none', role: 'assistant', content: { type: 'text', text: 'none' } }),
  },
  'sep-2322-client-request-state': { elicitation: accept({ confirmed: true }) },
};

/** The elicitation scenario wants the client to fill in defaults, which it does when it has declared so. */
const CAPABILITIES: Readonly<Record<string, Record<string, object>>> = {
  'elicitation-sep1034-client-defaults': { elicitation: { form: { applyDefaults: true } } },
};

function protectedSteps(name: string): Steps | undefined {
  if (!name.startsWith('auth/')) return undefined;
  return /client-credentials|enterprise|wif|cross-app/.test(name) ? listProtected : callProtected;
}

/** Plays one scenario to its end; rejects when a step that must succeed does not. */
export async function play(scenario: Scenario): Promise<void> {
  const steps = STEPS[scenario.name] ?? protectedSteps(scenario.name);
  if (steps === undefined) throw new Error(`no steps are known for the scenario ${scenario.name}`);
  await using opened = await openSdk2(scenario.url, {
    era: scenario.era,
    handlers: HANDLERS[scenario.name] ?? {},
    capabilities: CAPABILITIES[scenario.name] ?? {},
    ...(scenario.headers && { headers: scenario.headers }),
  });
  await steps(opened.client, scenario);
}
