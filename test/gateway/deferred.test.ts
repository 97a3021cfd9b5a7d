/** A server that closes its stream in the middle of a call: its client is told at once that the answer will take a while. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { start } from '../support/process.ts';
import { startGateway } from './gateway.ts';
import { openSession, textOf } from './raw-client.ts';

const EVERYTHING = fileURLToPath(new URL('../everything/server.ts', import.meta.url));

it('opens a stream for the client that may be left and resumed, and brings the answer on it', async () => {
  await using server = start(process.execPath, [EVERYTHING, '--port', '0', '--eras', 'session']);
  const [, url] = await server.untilLine(/listening on (\S+)/);
  await using gateway = await startGateway({ mcpServers: { up: { url } }, naming: 'plain' });
  const client = await openSession(gateway.url);
  const deferred = await client.start('tools/call', { name: 'test_reconnection' });
  expect(deferred.headers['content-type']).toBe('text/event-stream');
  expect(textOf((await deferred.last).message)).not.toBe('');
  const direct = await client.start('tools/call', { name: 'echo', arguments: { text: 'x' } });
  expect(direct.headers['content-type']).toBe('application/json');
});
