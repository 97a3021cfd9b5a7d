/** For tests: all the rooms together, over a configuration that stands in no file, with the doors and the guard left open. */

import { createSecretKey, randomBytes } from 'node:crypto';
import { NO_AUDIT } from '../../audit/index.ts';
import type { Step } from '../../call.ts';
import { NO_PINS } from '../../catalog/testing/rooms.ts';
import { loadConfig, type Config } from '../../config/index.ts';
import { createRooms } from '../../modules.ts';
import type { RoomOptions, Rooms } from '../../rooms.ts';
import { createMemoryStore } from '../../store/memory.ts';
import { createMetrics } from '../../telemetry/metrics.ts';

/** A room that is asked nothing of interest: every function of it does nothing. */
const IDLE = new Proxy({}, { get: () => () => undefined });
const pass: Step = (call, next) => next(call);
const OPEN_GUARD = {
  in: pass,
  out: pass,
  own: IDLE,
  screen: {
    prepare: () => undefined,
    definition: () => undefined,
    instructions: (_server: string, text: string) => text,
  },
};

/** The configuration that this would be as a file. */
export async function configOf(written: object): Promise<Config> {
  const file = '/nowhere/sallyport.json';
  const text = JSON.stringify({ auth: { mode: 'none' }, ...written });
  const { config } = await loadConfig({
    file,
    env: {},
    cwd: '/nowhere',
    home: '/nowhere',
    files: {
      exists: async (path) => path === file,
      read: async () => new TextEncoder().encode(text),
      checkTrusted: async (path) => ({ realPath: path, readableByOthers: false }),
      readSecret: () => Promise.reject(new Error('ENOENT')),
    },
  });
  return config;
}

export interface OpenedRooms extends AsyncDisposable {
  readonly rooms: Rooms;
}

/** `own`: what is not as in every test. What no test looks at does nothing. */
export async function openRooms(own: Partial<RoomOptions>): Promise<OpenedRooms> {
  const key = (): RoomOptions['stateKey'] => createSecretKey(randomBytes(32));
  const used: Partial<RoomOptions> = {
    env: {},
    store: createMemoryStore({ now: Date.now }),
    log: () => undefined,
    info: { name: 'gateway', version: '0' },
    cursorKey: key(),
    handleKey: key(),
    stateKey: key(),
    resultKey: key(),
    resultsFolder: undefined,
    emptyFolder: '/nowhere',
    now: Date.now,
    metrics: createMetrics(),
    audit: NO_AUDIT,
    rolesOfKey: () => undefined,
    pins: NO_PINS as never,
    openBrowser: undefined,
    guard: OPEN_GUARD as never,
    installsBase: undefined,
    ...own,
  };
  const rooms = createRooms(
    new Proxy(used, { get: (given, name) => (name in given ? Reflect.get(given, name) : IDLE) }) as RoomOptions,
  );
  await rooms.catalog.open();
  return {
    rooms,
    [Symbol.asyncDispose]: async () => {
      await rooms.close();
      rooms.destroy();
    },
  };
}
