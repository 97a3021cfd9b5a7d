import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { wireError } from '@sallyport/wire';
import type { Credentials } from '../auth/authenticate.ts';
import { openDoor } from '../testing/door.ts';
import { createBrowserSessions } from './sessions.ts';
import { createMemoryRecords } from '../memory-records.ts';

it('DSA-13 a cookie is no credential on an MCP path: what authenticates is not given it', async () => {
  const seen: Credentials[] = [];
  const now = Date.now;
  const records = createMemoryRecords(now);
  const lifetimes = { idleMs: 60_000, absoluteMs: 60_000, rotateMs: 60_000 };
  const sessions = createBrowserSessions({ records, now, random: randomBytes, lifetimes });
  const cookie = await sessions.begin({ issuer: 'local', subject: 'alice', roles: ['admin'] });
  const door = await openDoor({
    authenticate: (credentials) => {
      seen.push(credentials);
      return { error: wireError('unauthenticated'), headers: {} };
    },
  });
  try {
    const answer = await door.post('{"jsonrpc":"2.0","id":1,"method":"ping"}', {
      cookie: `__Host-sallyport=${cookie}`,
    });
    expect(answer.status).toBe(401);
    expect(seen).toHaveLength(1);
    const given = seen[0]!;
    const names = new Set([...Object.keys(given), ...Object.getOwnPropertyNames(Object.getPrototypeOf(given))]);
    for (const name of names) {
      if (name === 'constructor' || name === 'connection') continue;
      expect(JSON.stringify(given[name as keyof Credentials]) ?? '', name).not.toContain(cookie);
    }
    expect([...names].filter((name) => /cookie/i.test(name))).toEqual([]);
  } finally {
    await door.close();
  }
});
