/** Many clients with the same request ids on what they share: no answer may reach the wrong one. */
import { describe, expect, it } from 'vitest';
import { startGateway } from './gateway.ts';
import { openSession, stateless, textOf } from './raw-client.ts';
import type { RawClient } from './raw-client.ts';
import { serveRaw } from './raw-http.ts';

const RAW_SERVER = new URL('raw-server.ts', import.meta.url).pathname;
const CLIENTS = 50;
const CALLS = 50;

/** Every client calls with the ids 1, 2, 3 … and its own numbers; gives those that got another's. */
async function strays(clients: readonly RawClient[], calls: number): Promise<string[]> {
  const wrong: string[] = [];
  let answers = 0;
  await Promise.all(
    clients.map(async (client, index) => {
      for (let id = 1; id <= calls; id++) {
        const n = `${index}.${id}`;
        const ms = (index + id) % 3;
        const answer = await client.call('tools/call', { name: 'up__number', arguments: { n, ms } }, { id });
        answers++;
        if (answer.id !== id || textOf(answer) !== n) wrong.push(`${n}: ${JSON.stringify(answer)}`);
      }
    }),
  );
  expect(answers).toBe(clients.length * calls);
  return wrong;
}

describe(`${CLIENTS} clients, ${2 * CLIENTS * CALLS} calls, the same ids`, () => {
  it.each(['session', 'stateless'] as const)(
    'on one shared child and on one shared HTTP connection of the %s era',
    { timeout: 60_000 },
    async (era) => {
      await using http = await serveRaw({ era });
      const targets = [
        { command: process.execPath, args: [RAW_SERVER, era], era },
        { url: http.url, era },
      ];
      for (const target of targets) {
        await using started = await startGateway({ mcpServers: { up: target }, limits: { connections: 256 } });
        const clients = await Promise.all(
          Array.from({ length: CLIENTS }, () =>
            era === 'session' ? openSession(started.url) : Promise.resolve(stateless(started.url)),
          ),
        );
        expect(await strays(clients, CALLS)).toEqual([]);
        expect(started.gateway.rooms.upstreams.legs('up')).toHaveLength(1);
      }
    },
  );

  it('session and stateless clients mixed', async () => {
    for (const era of ['session', 'stateless'] as const) {
      await using started = await startGateway({
        mcpServers: { up: { command: process.execPath, args: [RAW_SERVER, era], era } },
      });
      const sessions = await Promise.all([1, 2, 3].map(() => openSession(started.url)));
      expect(await strays([...sessions, ...[1, 2, 3].map(() => stateless(started.url))], 30)).toEqual([]);
    }
  });
});
