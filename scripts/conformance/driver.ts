/**
 * The client that the conformance suite starts once for each client scenario:
 * `node scripts/conformance/driver.ts [--gateway PROGRAM] URL`. With a gateway it starts that in front of the
 * suite's mock server at URL and talks to the gateway; without, straight to the mock. It ends with 0 when
 * every step that must succeed did; whether the requests were right is the suite's judgement.
 */
import { parseArgs } from 'node:util';
import { temporaryHome } from '../../test/support/home.ts';
import { fileURLToPath } from 'node:url';
import { play } from './calls.ts';
import type { Scenario } from './calls.ts';
import { signIn } from './enterprise.ts';
import { startGateway } from './gateway.ts';

/** Less than the suite's own limit, because on that one it ends only the shell around this. */
const LIMIT_MS = 25_000;

/** What a scenario hands over besides the URL. */
interface Context extends Partial<Scenario> {
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly private_key_pem?: string;
  /** Of a caller that has signed in, and where that is exchanged. */
  readonly idp_id_token?: string;
  readonly idp_issuer?: string;
  readonly idp_client_id?: string;
  readonly idp_token_endpoint?: string;
}

function readContext(): Context {
  return JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as Context;
}

/** In place of a person: it agrees to everything. */
const BROWSER = [process.execPath, fileURLToPath(new URL('./browser.ts', import.meta.url))];

/** The suite looks for this very address. */
const CLIENT_METADATA_URL = 'https://conformance-test.local/client-metadata.json';

/** How the gateway logs in at the suite's servers, which are all on this machine and without TLS. */
function oauthOf(name: string): object {
  const { client_id: clientId, client_secret: clientSecret, private_key_pem: privateKey, ...rest } = readContext();
  const { idp_client_id: atProvider, idp_token_endpoint: tokenEndpoint } = rest;
  return {
    allowLoopbackHttp: true,
    clientMetadataUrl: CLIENT_METADATA_URL,
    ...(clientId !== undefined && { clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
    ...(privateKey !== undefined && { privateKey }),
    ...(name.includes('client-credentials') && { grant: 'client_credentials' }),
    ...(tokenEndpoint !== undefined && {
      grant: 'identity_assertion',
      exchange: { tokenEndpoint, clientId: atProvider, subjectTokenType: 'id_token' },
    }),
  };
}

function scenarioAt(url: string): Scenario {
  const name = process.env['MCP_CONFORMANCE_SCENARIO'];
  if (name === undefined) throw new Error('MCP_CONFORMANCE_SCENARIO is not set: the conformance suite starts this');
  const context = readContext();
  const era = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] === '2026-07-28' ? 'stateless' : 'session';
  return { name, url, era, toolCalls: context.toolCalls ?? [] };
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: { gateway: { type: 'string' } }, allowPositionals: true });
  const [url] = positionals;
  if (url === undefined) throw new Error('usage: driver.ts [--gateway PROGRAM] URL');
  const scenario = scenarioAt(url);
  if (values.gateway === undefined) return play(scenario);
  await using home = await temporaryHome();
  const { idp_id_token: idToken, idp_issuer: issuer } = readContext();
  await using caller = idToken === undefined || issuer === undefined ? undefined : await signIn(idToken, issuer);
  // In this process's group, so that the runner ends it too if this process does not come to its end.
  const gateway = await startGateway(url, {
    program: values.gateway,
    folder: home.path,
    env: { ...home.env, SALLYPORT_BROWSER: JSON.stringify(BROWSER) },
    oauth: oauthOf(scenario.name),
    ...(caller && { auth: caller.auth }),
    ownGroup: false,
  });
  try {
    await play({ ...scenario, url: gateway.url, ...(caller && { headers: caller.headers }) });
  } finally {
    await gateway.running.stop();
    // Shown by the runner when the scenario failed.
    process.stderr.write(gateway.running.stderr());
  }
}

const limit = setTimeout(() => {
  process.stderr.write(`driver: not done after ${LIMIT_MS} ms\n`);
  process.exit(1);
}, LIMIT_MS);
try {
  await main();
} catch (error) {
  process.stderr.write(`driver: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
clearTimeout(limit);
