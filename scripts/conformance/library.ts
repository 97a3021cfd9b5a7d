/**
 * The client library as the conformance suite starts it once for each client scenario: `node scripts/conformance/library.ts URL`.
 * It ends with 0 when every step that must succeed did; whether the requests were right is the suite's judgement.
 */
import { connect } from '@sallyport/client';
import type { Client, ConnectOptions, OAuthOptions } from '@sallyport/client';

/** Less than the suite's own limit, because on that one it ends only the shell around this. */
const LIMIT_MS = 25_000;
/** The suite looks for this very address. */
const clientMetadataUrl = 'https://conformance-test.local/client-metadata.json';

type Arguments = Parameters<Client['callTool']>[1];

/** What a scenario hands over besides the URL. */
interface Context {
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly private_key_pem?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: Arguments }[];
}

const context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as Context;
const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? '';

/** In place of a person: it agrees to everything, and follows no redirection but the one back. */
async function browse(url: string): Promise<void> {
  const location = (await fetch(url, { redirect: 'manual' })).headers.get('location');
  if (location === null) throw new Error('the authorization server led nowhere');
  await fetch(new URL(location, url), { redirect: 'manual' });
}

function oauth(): OAuthOptions {
  const { client_id: clientId, client_secret: clientSecret, private_key_pem: privateKey } = context;
  const client = {
    clientMetadataUrl,
    ...(clientSecret !== undefined && { clientSecret }),
    ...(privateKey !== undefined && { privateKey }),
  };
  if (scenario.includes('client-credentials'))
    return { grant: 'client_credentials', clientId: clientId ?? '', ...client };
  return { open: browse, ...client, ...(clientId !== undefined && { clientId }) };
}

const filled = (content: Record<string, boolean> = {}): ConnectOptions => ({
  elicitation: { form: () => ({ action: 'accept', content }) },
});

const HANDLERS: Readonly<Record<string, ConnectOptions>> = {
  'elicitation-sep1034-client-defaults': filled(),
  'sep-2322-client-request-state': filled({ confirmed: true }),
  'request-metadata': {
    ...filled(),
    roots: [],
    sampling: () => ({ role: 'assistant', model: 'none', content: { type: 'text', text: 'none' } }),
  },
};

/** For calls whose own failure is no verdict: the mock server judges. */
async function attempt(client: Client, name: string, args?: Arguments): Promise<void> {
  await client.callTool(name, args).catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
}

const STEPS: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  tools_call: (client) => client.callTool('add_numbers', { a: 5, b: 3 }),
  'elicitation-sep1034-client-defaults': (client) => client.callTool('test_client_elicitation_defaults'),
  'sse-retry': (client) => client.callTool('test_reconnection'),
  'http-standard-headers': async (client) => {
    for (const { name } of (await client.listTools()).slice(0, 1)) await client.callTool(name);
    for (const { uri } of (await client.listResources()).slice(0, 1)) await client.readResource(uri);
    for (const { name } of (await client.listPrompts()).slice(0, 1)) await client.getPrompt(name, {});
  },
  'http-custom-headers': async (client) => {
    for (const { name, arguments: args } of context.toolCalls ?? []) await attempt(client, name, args);
  },
  'http-invalid-tool-headers': async (client) => {
    for (const { name } of await client.listTools()) await attempt(client, name, { region: 'us-west1' });
  },
  'sep-2322-client-request-state': async (client) => {
    for (const kind of ['echo_state', 'no_state', 'unrelated', 'no_result_type'])
      await attempt(client, `test_mrtr_${kind}`);
  },
  'json-schema-2020-12-preservation': async (client) => {
    const tool = (await client.listTools()).find(({ name }) => name === 'json_schema_2020_12_tool');
    await client.callTool('json_schema_echo', { schema: tool?.inputSchema });
  },
};

async function main(): Promise<void> {
  const [url = ''] = process.argv.slice(2);
  const era = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] === '2026-07-28' ? 'stateless' : 'session';
  const isProtected = scenario.startsWith('auth/');
  await using client = await connect(url, { era, ...(isProtected && { oauth: oauth() }), ...HANDLERS[scenario] });
  await client.listTools();
  const hasTool = isProtected && !/client-credentials|enterprise|wif|cross-app/.test(scenario);
  if (hasTool) await client.callTool('test-tool');
  else await STEPS[scenario]?.(client);
}

const limit = setTimeout(() => {
  process.stderr.write(`library: not done after ${LIMIT_MS} ms\n`);
  process.exit(1);
}, LIMIT_MS);
try {
  await main();
} catch (error) {
  process.stderr.write(`library: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
clearTimeout(limit);
