/**
 * The client that the conformance suite starts once for each client scenario:
 * `node scripts/conformance/driver.ts [--gateway PROGRAM] URL`. With a gateway it starts that in front of the
 * suite's mock server at URL and talks to the gateway; without, straight to the mock. It ends with 0 when
 * every step that must succeed did; whether the requests were right is the suite's judgement.
 */
import { parseArgs } from 'node:util';
import { temporaryHome } from '../../test/support/home.ts';
import { play } from './calls.ts';
import type { Scenario } from './calls.ts';
import { startGateway } from './gateway.ts';

/** Less than the suite's own limit, because on that one it ends only the shell around this. */
const LIMIT_MS = 25_000;

function scenarioAt(url: string): Scenario {
  const name = process.env['MCP_CONFORMANCE_SCENARIO'];
  if (name === undefined) throw new Error('MCP_CONFORMANCE_SCENARIO is not set: the conformance suite starts this');
  const context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as Partial<Scenario>;
  const era = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] === '2026-07-28' ? 'stateless' : 'session';
  return { name, url, era, toolCalls: context.toolCalls ?? [] };
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: { gateway: { type: 'string' } }, allowPositionals: true });
  const [url] = positionals;
  if (url === undefined) throw new Error('usage: driver.ts [--gateway PROGRAM] URL');
  if (values.gateway === undefined) return play(scenarioAt(url));
  await using home = await temporaryHome();
  // In this process's group, so that the runner ends it too if this process does not come to its end.
  const gateway = await startGateway(url, {
    program: values.gateway,
    folder: home.path,
    env: home.env,
    ownGroup: false,
  });
  try {
    await play(scenarioAt(gateway.url));
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
